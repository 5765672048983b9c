-- +goose Up

-- Limits of a class of projects. The class "default" holds for every project
-- that nobody changed.
CREATE TABLE compute_quota_classes (
    class      TEXT NOT NULL,
    resource   TEXT NOT NULL,
    hard_limit BIGINT NOT NULL,
    PRIMARY KEY (class, resource)
);

-- Moves of servers from one host to another, kept after they ended and after
-- the server is deleted. There is no reference to the server for that reason.
CREATE TABLE compute_migrations (
    number      BIGINT PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    status      TEXT NOT NULL,
    server_id   TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    source_host TEXT NOT NULL,
    target_host TEXT NOT NULL,
    target_ip   TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ
);
CREATE INDEX compute_migrations_server ON compute_migrations (server_id);
CREATE INDEX compute_migrations_created ON compute_migrations (created_at, number);

-- Images that hosts shall have at hand before a server boots from them.
CREATE TABLE compute_host_images (
    host     TEXT NOT NULL REFERENCES compute_hosts (host) ON DELETE CASCADE,
    image_id TEXT NOT NULL,
    image    TEXT NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (host, image_id)
);

-- +goose Down
DROP TABLE compute_host_images;
DROP TABLE compute_migrations;
DROP TABLE compute_quota_classes;
