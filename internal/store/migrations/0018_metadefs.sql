-- +goose Up
-- Definitions of metadata: what properties and tags mean, and what they are for.
CREATE TABLE metadef_namespaces (
    id           TEXT PRIMARY KEY,
    namespace    TEXT NOT NULL UNIQUE,
    display_name TEXT,
    description  TEXT,
    visibility   TEXT NOT NULL,
    protected    BOOLEAN NOT NULL,
    owner        TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL
);
CREATE INDEX metadef_namespaces_owner ON metadef_namespaces (owner);
CREATE INDEX metadef_namespaces_created ON metadef_namespaces (created_at, id);

-- Required and properties are JSON: a list of names, and types by name.
CREATE TABLE metadef_objects (
    id           TEXT PRIMARY KEY,
    namespace_id TEXT NOT NULL REFERENCES metadef_namespaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    description  TEXT,
    required     TEXT NOT NULL,
    properties   TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    UNIQUE (namespace_id, name)
);

-- The type is JSON.
CREATE TABLE metadef_properties (
    id           TEXT PRIMARY KEY,
    namespace_id TEXT NOT NULL REFERENCES metadef_namespaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    type         TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    UNIQUE (namespace_id, name)
);

CREATE TABLE metadef_tags (
    id           TEXT PRIMARY KEY,
    namespace_id TEXT NOT NULL REFERENCES metadef_namespaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    UNIQUE (namespace_id, name)
);

-- Kinds of resources that metadata are for, by the names that Heat has. They
-- are there from the beginning, and others once a namespace is for them.
CREATE TABLE metadef_resource_types (
    name       TEXT PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
INSERT INTO metadef_resource_types (name, created_at, updated_at) VALUES
    ('OS::Cinder::Volume', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00'),
    ('OS::Glance::Image', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00'),
    ('OS::Nova::Aggregate', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00'),
    ('OS::Nova::Flavor', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00'),
    ('OS::Nova::Server', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00');

CREATE TABLE metadef_associations (
    namespace_id      TEXT NOT NULL REFERENCES metadef_namespaces (id) ON DELETE CASCADE,
    name              TEXT NOT NULL REFERENCES metadef_resource_types (name),
    prefix            TEXT,
    properties_target TEXT,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (namespace_id, name)
);
CREATE INDEX metadef_associations_name ON metadef_associations (name);

-- +goose Down
DROP TABLE metadef_associations;
DROP TABLE metadef_resource_types;
DROP TABLE metadef_tags;
DROP TABLE metadef_properties;
DROP TABLE metadef_objects;
DROP TABLE metadef_namespaces;
