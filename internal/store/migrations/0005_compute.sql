-- +goose Up
CREATE TABLE compute_hosts (
    id                 TEXT PRIMARY KEY,
    service_id         TEXT NOT NULL UNIQUE,
    number             BIGINT NOT NULL UNIQUE,
    host               TEXT NOT NULL UNIQUE,
    zone               TEXT NOT NULL,
    version            TEXT NOT NULL,
    address            TEXT NOT NULL,
    endpoint           TEXT NOT NULL,
    capacity           TEXT NOT NULL,
    physical           TEXT NOT NULL,
    connected          BOOLEAN NOT NULL,
    disabled           BOOLEAN NOT NULL,
    disabled_reason    TEXT,
    forced_down        BOOLEAN NOT NULL,
    memory_used_mib    BIGINT NOT NULL,
    disk_used_gib      BIGINT NOT NULL,
    load_average       DOUBLE PRECISION NOT NULL,
    started_at         TIMESTAMPTZ,
    last_seen_at       TIMESTAMPTZ,
    created_at         TIMESTAMPTZ NOT NULL,
    updated_at         TIMESTAMPTZ NOT NULL
);

CREATE TABLE aggregates (
    number     BIGINT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL UNIQUE,
    metadata   TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ
);

CREATE TABLE aggregate_hosts (
    aggregate BIGINT NOT NULL REFERENCES aggregates (number) ON DELETE CASCADE,
    host      TEXT NOT NULL REFERENCES compute_hosts (host) ON DELETE CASCADE,
    PRIMARY KEY (aggregate, host)
);
CREATE INDEX aggregate_hosts_host ON aggregate_hosts (host);

CREATE TABLE flavors (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    description  TEXT,
    memory_mb    BIGINT NOT NULL,
    vcpus        BIGINT NOT NULL,
    root_gb      BIGINT NOT NULL,
    ephemeral_gb BIGINT NOT NULL,
    swap         BIGINT NOT NULL,
    rxtx_factor  DOUBLE PRECISION NOT NULL,
    is_public    BOOLEAN NOT NULL,
    disabled     BOOLEAN NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE flavor_access (
    flavor_id  TEXT NOT NULL REFERENCES flavors (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL,
    PRIMARY KEY (flavor_id, project_id)
);
CREATE INDEX flavor_access_project ON flavor_access (project_id);

CREATE TABLE flavor_extra_specs (
    flavor_id TEXT NOT NULL REFERENCES flavors (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (flavor_id, name)
);

CREATE TABLE keypairs (
    user_id     TEXT NOT NULL,
    name        TEXT NOT NULL,
    number      BIGINT NOT NULL UNIQUE,
    type        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key  TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, name)
);

CREATE TABLE compute_quotas (
    project_id TEXT NOT NULL,
    resource   TEXT NOT NULL,
    hard_limit BIGINT NOT NULL,
    PRIMARY KEY (project_id, resource)
);

CREATE TABLE server_groups (
    id         TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    policy     TEXT NOT NULL,
    per_host   BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX server_groups_project ON server_groups (project_id);

CREATE TABLE servers (
    id               TEXT PRIMARY KEY,
    project_id       TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    name             TEXT NOT NULL,
    description      TEXT,
    hostname         TEXT NOT NULL,
    vm_state         TEXT NOT NULL,
    task_state       TEXT NOT NULL,
    power_state      BIGINT NOT NULL,
    power            TEXT NOT NULL,
    boot_generation  BIGINT NOT NULL,
    reset_generation BIGINT NOT NULL,
    host             TEXT NOT NULL,
    zone             TEXT NOT NULL,
    pinned_zone      TEXT,
    flavor_id        TEXT NOT NULL,
    flavor           TEXT NOT NULL,
    vcpus            BIGINT NOT NULL,
    memory_mb        BIGINT NOT NULL,
    disk_gb          BIGINT NOT NULL,
    image_id         TEXT NOT NULL,
    image            TEXT NOT NULL,
    key_name         TEXT,
    key_pair         TEXT,
    user_data        TEXT,
    admin_pass       TEXT NOT NULL,
    config_drive     BOOLEAN NOT NULL,
    metadata         TEXT NOT NULL,
    locked_by        TEXT NOT NULL,
    locked_reason    TEXT,
    disk_config      TEXT NOT NULL,
    access_ipv4      TEXT NOT NULL,
    access_ipv6      TEXT NOT NULL,
    reservation_id   TEXT NOT NULL,
    launch_index     BIGINT NOT NULL,
    group_id         TEXT REFERENCES server_groups (id) ON DELETE SET NULL,
    fault            TEXT,
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    launched_at      TIMESTAMPTZ,
    terminated_at    TIMESTAMPTZ,
    deleted_at       TIMESTAMPTZ
);
CREATE INDEX servers_project ON servers (project_id, deleted_at, created_at);
CREATE INDEX servers_host ON servers (host, deleted_at);
CREATE INDEX servers_created ON servers (created_at, id);
CREATE INDEX servers_updated ON servers (updated_at);
CREATE INDEX servers_group ON servers (group_id);
CREATE INDEX servers_image ON servers (image_id);
CREATE INDEX servers_flavor ON servers (flavor_id);

CREATE TABLE server_tags (
    server_id TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    tag       TEXT NOT NULL,
    PRIMARY KEY (server_id, tag)
);
CREATE INDEX server_tags_tag ON server_tags (tag);

CREATE TABLE server_actions (
    server_id  TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    request_id TEXT NOT NULL,
    action     TEXT NOT NULL,
    project_id TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    message    TEXT,
    start_time TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (server_id, request_id)
);
CREATE INDEX server_actions_start ON server_actions (server_id, start_time);

CREATE TABLE server_action_events (
    server_id   TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    event       TEXT NOT NULL,
    host        TEXT NOT NULL,
    start_time  TIMESTAMPTZ NOT NULL,
    finish_time TIMESTAMPTZ,
    result      TEXT,
    details     TEXT,
    PRIMARY KEY (server_id, request_id, event),
    FOREIGN KEY (server_id, request_id) REFERENCES server_actions (server_id, request_id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE server_action_events;
DROP TABLE server_actions;
DROP TABLE server_tags;
DROP TABLE servers;
DROP TABLE server_groups;
DROP TABLE compute_quotas;
DROP TABLE keypairs;
DROP TABLE flavor_extra_specs;
DROP TABLE flavor_access;
DROP TABLE flavors;
DROP TABLE aggregate_hosts;
DROP TABLE aggregates;
DROP TABLE compute_hosts;
