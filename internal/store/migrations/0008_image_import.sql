-- +goose Up
-- The import that an image waits for, and how its last one stands: empty when
-- there was none, else running, done or failed.
ALTER TABLE images ADD COLUMN import_task TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN import_state TEXT NOT NULL DEFAULT '';

-- Bytes that came for an image and are not its data yet: staged ones, or the
-- parts of an upload so far.
CREATE TABLE image_held (
    image_id TEXT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    blob     TEXT NOT NULL,
    size     BIGINT NOT NULL,
    total    BIGINT NOT NULL,
    -- The states of the digests after so many bytes, in base64.
    md5      TEXT NOT NULL,
    sha512   TEXT NOT NULL
);

-- Imports. They outlive their images, until they expire.
CREATE TABLE image_tasks (
    id         TEXT PRIMARY KEY,
    image_id   TEXT NOT NULL,
    owner      TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    request_id TEXT NOT NULL,
    status     TEXT NOT NULL,
    method     TEXT NOT NULL,
    uri        TEXT NOT NULL,
    input      TEXT NOT NULL,
    message    TEXT NOT NULL,
    -- Which server works on it, when it was last seen at work, how many times
    -- the work was begun.
    server     TEXT NOT NULL,
    seen_at    TIMESTAMPTZ NOT NULL,
    attempts   BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ
);
CREATE INDEX image_tasks_image ON image_tasks (image_id, created_at);
CREATE INDEX image_tasks_status ON image_tasks (status, created_at);
CREATE INDEX image_tasks_created ON image_tasks (created_at, id);

-- +goose Down
DROP TABLE image_tasks;
DROP TABLE image_held;
ALTER TABLE images DROP COLUMN import_state;
ALTER TABLE images DROP COLUMN import_task;
