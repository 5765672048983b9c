-- +goose Up
-- Where the data of an image are, in the order in which they are asked for: in
-- a store, under the key that the image has, or at a URL.
CREATE TABLE image_locations (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    store    TEXT NOT NULL,
    url      TEXT NOT NULL,
    -- What its owner says of it (JSON).
    metadata TEXT NOT NULL,
    PRIMARY KEY (image_id, position)
);
INSERT INTO image_locations (image_id, position, store, url, metadata) SELECT id, 0, 'local', '', '{}' FROM images WHERE blob <> '';

-- The store that has what is held.
ALTER TABLE image_held ADD COLUMN store TEXT NOT NULL DEFAULT 'local';

-- The stores that the last import has yet to fill, and those that it could not,
-- with commas.
ALTER TABLE images ADD COLUMN importing_stores TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN failed_stores TEXT NOT NULL DEFAULT '';
UPDATE images SET importing_stores = 'local' WHERE import_state = 'running';
UPDATE images SET failed_stores = 'local' WHERE import_state = 'failed';

-- +goose Down
ALTER TABLE images DROP COLUMN failed_stores;
ALTER TABLE images DROP COLUMN importing_stores;
ALTER TABLE image_held DROP COLUMN store;
DROP TABLE image_locations;
