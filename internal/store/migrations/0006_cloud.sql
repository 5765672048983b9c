-- +goose Up
-- The cloud's own name: one row, made once. Nodes know by it whether a
-- database is the one that their machines come from.
CREATE TABLE cloud (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    id       TEXT NOT NULL
);

ALTER TABLE compute_hosts ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE compute_hosts ADD COLUMN disconnected_at TIMESTAMPTZ;

-- +goose Down
ALTER TABLE compute_hosts DROP COLUMN disconnected_at;
ALTER TABLE compute_hosts DROP COLUMN session;
DROP TABLE cloud;
