-- +goose Up
CREATE TABLE images (
    id               TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    owner            TEXT NOT NULL,
    status           TEXT NOT NULL,
    visibility       TEXT NOT NULL,
    disk_format      TEXT NOT NULL,
    container_format TEXT NOT NULL,
    size             BIGINT,
    virtual_size     BIGINT,
    checksum         TEXT NOT NULL,
    hash_algo        TEXT NOT NULL,
    hash_value       TEXT NOT NULL,
    min_disk         BIGINT NOT NULL,
    min_ram          BIGINT NOT NULL,
    protected        BOOLEAN NOT NULL,
    hidden           BOOLEAN NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    -- Where the data are; empty until they are all there.
    blob             TEXT NOT NULL,
    -- The upload that runs, which server takes it, when it was last seen
    -- alive, and the bytes that are set aside for it in the owner's quota.
    upload_id        TEXT NOT NULL,
    upload_server    TEXT NOT NULL,
    upload_seen_at   TIMESTAMPTZ NOT NULL,
    reserved         BIGINT NOT NULL
);
CREATE INDEX images_owner ON images (owner);
CREATE INDEX images_visibility ON images (visibility);
CREATE INDEX images_status ON images (status);
CREATE INDEX images_created ON images (created_at, id);

-- Every id that an image ever had: none is given twice.
CREATE TABLE image_ids (
    id      TEXT PRIMARY KEY,
    used_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE image_properties (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (image_id, name)
);
CREATE INDEX image_properties_name ON image_properties (name);

CREATE TABLE image_tags (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    tag      TEXT NOT NULL,
    PRIMARY KEY (image_id, tag)
);
CREATE INDEX image_tags_tag ON image_tags (tag);

CREATE TABLE image_members (
    image_id   TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    member_id  TEXT NOT NULL,
    status     TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (image_id, member_id)
);
CREATE INDEX image_members_member ON image_members (member_id);

-- +goose Down
DROP TABLE image_members;
DROP TABLE image_tags;
DROP TABLE image_properties;
DROP TABLE image_ids;
DROP TABLE images;
