-- +goose Up

-- What a server's disks should be: the generation that a rebuild raises, the
-- image that it is rescued with, and the resize that waits for its confirmation.
ALTER TABLE servers ADD COLUMN disk_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE servers ADD COLUMN rescue TEXT;
ALTER TABLE servers ADD COLUMN resize TEXT;

-- What a guest has told its owner: its password, encrypted with the owner's key.
ALTER TABLE servers ADD COLUMN password TEXT NOT NULL DEFAULT '';

-- Images that are made of servers. A row is wanted until its host has sent the
-- image, kept while a shelved server needs it, and dropped until the image is
-- deleted; an image that is its owner's has no row.
CREATE TABLE server_snapshots (
    image_id    TEXT PRIMARY KEY,
    server_id   TEXT NOT NULL,
    host        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    backup_type TEXT NOT NULL,
    rotation    BIGINT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX server_snapshots_server ON server_snapshots (server_id);
CREATE INDEX server_snapshots_host ON server_snapshots (host, state);

-- +goose Down
DROP TABLE server_snapshots;
ALTER TABLE servers DROP COLUMN password;
ALTER TABLE servers DROP COLUMN resize;
ALTER TABLE servers DROP COLUMN rescue;
ALTER TABLE servers DROP COLUMN disk_generation;
