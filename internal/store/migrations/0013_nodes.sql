-- +goose Up

-- Tokens with which machines may join: the hash of the secret, whom it is for
-- (empty is any host), and the host and key that used it.
CREATE TABLE join_tokens (
    id          TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    host        TEXT NOT NULL DEFAULT '',
    created_at  TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    used_at     TIMESTAMPTZ,
    used_by     TEXT NOT NULL DEFAULT '',
    used_key    TEXT NOT NULL DEFAULT ''
);

-- Nodes that joined. Their certificates are known by fingerprint: the one in
-- use, and the one that a renewal made and that takes its place when it is
-- used first. Of a node that was removed the row stays, without certificates.
CREATE TABLE nodes (
    host             TEXT PRIMARY KEY,
    certificate      TEXT NOT NULL DEFAULT '',
    next_certificate TEXT NOT NULL DEFAULT '',
    expires_at       TIMESTAMPTZ,
    next_expires_at  TIMESTAMPTZ,
    joined_at        TIMESTAMPTZ NOT NULL,
    removed_at       TIMESTAMPTZ
);

-- Where a host answers the APIs, when its node runs in a server's process.
ALTER TABLE compute_hosts ADD COLUMN api TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE compute_hosts DROP COLUMN api;
DROP TABLE nodes;
DROP TABLE join_tokens;
