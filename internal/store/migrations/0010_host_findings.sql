-- +goose Up

-- What a node says of its machine besides what it offers: what it found wrong
-- (JSON), which interface carries which physical network (JSON), and since
-- when the machine is up.
ALTER TABLE compute_hosts ADD COLUMN findings TEXT NOT NULL DEFAULT '[]';
ALTER TABLE compute_hosts ADD COLUMN mappings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE compute_hosts ADD COLUMN booted_at TIMESTAMPTZ;

-- +goose Down
ALTER TABLE compute_hosts DROP COLUMN booted_at;
ALTER TABLE compute_hosts DROP COLUMN mappings;
ALTER TABLE compute_hosts DROP COLUMN findings;
