-- +goose Up

-- The blobs that an upload in parts has so far (JSON), where its own cannot
-- grow.
ALTER TABLE image_held ADD COLUMN segments TEXT NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE image_held DROP COLUMN segments;
