-- +goose Up
-- What transactions have told the other servers on this database, for those
-- that did not hear it at once; rows live for some minutes. On SQLite, where
-- there are no other servers, it stays empty. A transaction has one row, so
-- nobody waits for a counter.
CREATE TABLE notices (
    xact    BIGINT NOT NULL, -- the transaction, as PostgreSQL counts them
    origin  TEXT NOT NULL,   -- the server that told, anew at each of its starts
    body    TEXT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (xact, origin)
);

-- The servers of the cloud.
CREATE TABLE cloud_servers (
    name       TEXT PRIMARY KEY,
    run        TEXT NOT NULL,    -- which start of it
    url        TEXT NOT NULL,    -- of its node API; empty where other servers cannot reach it
    version    TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    seen_at    TIMESTAMPTZ NOT NULL -- by the database's clock
);

-- +goose Down
DROP TABLE cloud_servers;
DROP TABLE notices;
