-- +goose Up

-- Providers in trees: a provider without a parent is its own root.
ALTER TABLE placement_providers ADD COLUMN parent_id TEXT REFERENCES placement_providers (id);
ALTER TABLE placement_providers ADD COLUMN root_id TEXT NOT NULL DEFAULT '';
UPDATE placement_providers SET root_id = id;
CREATE INDEX placement_providers_parent ON placement_providers (parent_id);
CREATE INDEX placement_providers_root ON placement_providers (root_id);

-- Limits of one user within a project, below those of the project.
CREATE TABLE compute_user_quotas (
    project_id TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    resource   TEXT NOT NULL,
    hard_limit BIGINT NOT NULL,
    PRIMARY KEY (project_id, user_id, resource)
);

-- When a server was deleted that can still be restored.
ALTER TABLE servers ADD COLUMN soft_deleted_at TIMESTAMPTZ;
CREATE INDEX servers_soft_deleted ON servers (soft_deleted_at);

-- +goose Down
DROP INDEX servers_soft_deleted;
ALTER TABLE servers DROP COLUMN soft_deleted_at;
DROP TABLE compute_user_quotas;
DROP INDEX placement_providers_root;
DROP INDEX placement_providers_parent;
ALTER TABLE placement_providers DROP COLUMN root_id;
ALTER TABLE placement_providers DROP COLUMN parent_id;
