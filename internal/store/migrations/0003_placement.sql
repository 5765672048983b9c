-- +goose Up
CREATE TABLE placement_providers (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    generation BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE placement_inventories (
    provider_id      TEXT NOT NULL REFERENCES placement_providers (id) ON DELETE CASCADE,
    class            TEXT NOT NULL,
    total            BIGINT NOT NULL,
    reserved         BIGINT NOT NULL,
    min_unit         BIGINT NOT NULL,
    max_unit         BIGINT NOT NULL,
    step_size        BIGINT NOT NULL,
    allocation_ratio DOUBLE PRECISION NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (provider_id, class)
);

CREATE TABLE placement_consumers (
    id         TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    type       TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX placement_consumers_project ON placement_consumers (project_id, user_id);

CREATE TABLE placement_allocations (
    consumer_id TEXT NOT NULL REFERENCES placement_consumers (id) ON DELETE CASCADE,
    provider_id TEXT NOT NULL REFERENCES placement_providers (id),
    class       TEXT NOT NULL,
    used        BIGINT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (consumer_id, provider_id, class)
);
CREATE INDEX placement_allocations_provider ON placement_allocations (provider_id, class);

-- Classes and traits that users made; the standard ones are in the program.
CREATE TABLE placement_classes (
    name       TEXT PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE placement_traits (
    name       TEXT PRIMARY KEY,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE placement_provider_traits (
    provider_id TEXT NOT NULL REFERENCES placement_providers (id) ON DELETE CASCADE,
    trait       TEXT NOT NULL,
    PRIMARY KEY (provider_id, trait)
);
CREATE INDEX placement_provider_traits_trait ON placement_provider_traits (trait);

CREATE TABLE placement_provider_aggregates (
    provider_id  TEXT NOT NULL REFERENCES placement_providers (id) ON DELETE CASCADE,
    aggregate_id TEXT NOT NULL,
    PRIMARY KEY (provider_id, aggregate_id)
);
CREATE INDEX placement_provider_aggregates_aggregate ON placement_provider_aggregates (aggregate_id);

-- +goose Down
DROP TABLE placement_provider_aggregates;
DROP TABLE placement_provider_traits;
DROP TABLE placement_traits;
DROP TABLE placement_classes;
DROP TABLE placement_allocations;
DROP TABLE placement_consumers;
DROP TABLE placement_inventories;
DROP TABLE placement_providers;
