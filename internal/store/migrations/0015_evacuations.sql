-- +goose Up

-- Servers that were moved away from a host that was lost, until that host has
-- confirmed that nothing of them is left there. There is no reference to the
-- server: its copy must go also when the server is deleted. While held is
-- true, the source host still has contact, and the target waits for it.
CREATE TABLE server_evacuations (
    server_id   TEXT NOT NULL,
    source_host TEXT NOT NULL,
    target_host TEXT NOT NULL,
    held        BOOLEAN NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (server_id, source_host)
);
CREATE INDEX server_evacuations_source ON server_evacuations (source_host);

-- +goose Down
DROP TABLE server_evacuations;
