-- +goose Up
-- What lets somebody open a console once, without another token: kept as a
-- hash, because who could read the database must not be able to use it.
CREATE TABLE console_tokens (
    hash       TEXT PRIMARY KEY,
    server_id  TEXT NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX console_tokens_server ON console_tokens (server_id);
CREATE INDEX console_tokens_expires ON console_tokens (expires_at);

-- +goose Down
DROP TABLE console_tokens;
