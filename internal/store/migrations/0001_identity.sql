-- +goose Up

-- A domain is a row of projects with is_domain and no domain of its own, as
-- Keystone has it; the parent of a top-level project is its domain.
CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain_id TEXT REFERENCES projects (id),
    parent_id TEXT REFERENCES projects (id),
    is_domain BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE UNIQUE INDEX projects_domain_name ON projects (name) WHERE is_domain;
CREATE INDEX projects_parent ON projects (parent_id);
CREATE INDEX projects_name ON projects (name);

CREATE TABLE project_tags (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (project_id, name)
);
CREATE INDEX project_tags_name ON project_tags (name);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain_id TEXT NOT NULL REFERENCES projects (id),
    enabled BOOLEAN NOT NULL,
    default_project_id TEXT,
    description TEXT,
    password_hash TEXT NOT NULL,
    valid_after TIMESTAMPTZ NOT NULL,
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE INDEX users_name ON users (name);

CREATE TABLE user_groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain_id TEXT NOT NULL REFERENCES projects (id),
    description TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE roles (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    description TEXT,
    options TEXT NOT NULL,
    extra TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
CREATE UNIQUE INDEX roles_global_name ON roles (name) WHERE domain_id IS NULL;

CREATE TABLE implied_roles (
    prior_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    implied_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (prior_id, implied_id)
);
CREATE INDEX implied_roles_implied ON implied_roles (implied_id);

-- The id is made of the other columns, so that an assignment is there once.
-- project_id is the domain's id where scope is 'domain', and null for 'system'.
CREATE TABLE role_assignments (
    id TEXT PRIMARY KEY,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    group_id TEXT REFERENCES user_groups (id) ON DELETE CASCADE,
    scope TEXT NOT NULL CHECK (scope IN ('project', 'domain', 'system')),
    project_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    inherited BOOLEAN NOT NULL,
    CHECK ((user_id IS NULL) <> (group_id IS NULL)),
    CHECK ((project_id IS NULL) = (scope = 'system'))
);
CREATE INDEX role_assignments_user ON role_assignments (user_id);
CREATE INDEX role_assignments_group ON role_assignments (group_id);
CREATE INDEX role_assignments_project ON role_assignments (project_id);
CREATE INDEX role_assignments_role ON role_assignments (role_id);

CREATE TABLE catalog_regions (
    id TEXT PRIMARY KEY,
    parent_id TEXT REFERENCES catalog_regions (id),
    description TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE catalog_services (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    name TEXT,
    description TEXT,
    extra TEXT NOT NULL
);
CREATE INDEX catalog_services_type ON catalog_services (type);

CREATE TABLE catalog_endpoints (
    id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES catalog_services (id) ON DELETE CASCADE,
    region_id TEXT REFERENCES catalog_regions (id),
    interface TEXT NOT NULL CHECK (interface IN ('public', 'internal', 'admin')),
    url TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX catalog_endpoints_service ON catalog_endpoints (service_id);
CREATE INDEX catalog_endpoints_region ON catalog_endpoints (region_id);

CREATE TABLE application_credentials (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    secret_hash TEXT NOT NULL,
    unrestricted BOOLEAN NOT NULL,
    expires_at TIMESTAMPTZ,
    UNIQUE (user_id, name)
);
CREATE INDEX application_credentials_project ON application_credentials (project_id);

CREATE TABLE application_credential_roles (
    credential_id TEXT NOT NULL REFERENCES application_credentials (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (credential_id, role_id)
);
CREATE INDEX application_credential_roles_role ON application_credential_roles (role_id);

-- Tokens that were revoked before their time, by audit id: of the token itself
-- and of all that were made from it. revision is that of the change.
CREATE TABLE revocations (
    audit_id TEXT PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX revocations_revision ON revocations (revision);

-- One row, counted up by every change of a table above: what servers cached
-- before is then out of date.
CREATE TABLE identity_revision (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO identity_revision (id, revision) VALUES (1, 1);

-- +goose Down
DROP TABLE identity_revision;
DROP TABLE revocations;
DROP TABLE application_credential_roles;
DROP TABLE application_credentials;
DROP TABLE catalog_endpoints;
DROP TABLE catalog_services;
DROP TABLE catalog_regions;
DROP TABLE role_assignments;
DROP TABLE implied_roles;
DROP TABLE roles;
DROP TABLE group_members;
DROP TABLE user_groups;
DROP TABLE users;
DROP TABLE project_tags;
DROP TABLE projects;
