-- +goose Up

-- What users keep with the cloud, such as EC2 keys. blob is sealed with the
-- secret 'credential-keys'. Keystone asks neither that user nor project are
-- there, so there is no reference to them.
CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    project_id TEXT,
    type TEXT NOT NULL,
    blob TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX credentials_user ON credentials (user_id);
CREATE INDEX credentials_project ON credentials (project_id);

-- Trusts end with either user, with the project, and with the trust that they
-- were redelegated from. No project is a trust without roles.
CREATE TABLE trusts (
    id TEXT PRIMARY KEY,
    trustor_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    trustee_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    impersonation BOOLEAN NOT NULL,
    expires_at TIMESTAMPTZ,
    remaining_uses BIGINT,
    redelegated_id TEXT REFERENCES trusts (id) ON DELETE CASCADE,
    redelegation_count BIGINT NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX trusts_trustor ON trusts (trustor_id);
CREATE INDEX trusts_trustee ON trusts (trustee_id);
CREATE INDEX trusts_project ON trusts (project_id);
CREATE INDEX trusts_redelegated ON trusts (redelegated_id);

-- roles are kept when a role goes: a trust that has lost one is of no use.
CREATE TABLE trust_roles (
    trust_id TEXT NOT NULL REFERENCES trusts (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL,
    PRIMARY KEY (trust_id, role_id)
);

-- Options of a domain's own; value is JSON, and sealed where sensitive.
CREATE TABLE domain_configs (
    domain_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    option_group TEXT NOT NULL,
    option_name TEXT NOT NULL,
    value TEXT NOT NULL,
    sensitive BOOLEAN NOT NULL,
    PRIMARY KEY (domain_id, option_group, option_name)
);

-- Documents for services to fetch, and for which of them each is.
CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    blob TEXT NOT NULL,
    extra TEXT NOT NULL
);
CREATE INDEX policies_type ON policies (type);

-- id is made of the other columns but the policy's: each endpoint, service, or
-- service in a region has one.
CREATE TABLE policy_associations (
    id TEXT PRIMARY KEY,
    policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    endpoint_id TEXT REFERENCES catalog_endpoints (id) ON DELETE CASCADE,
    service_id TEXT REFERENCES catalog_services (id) ON DELETE CASCADE,
    region_id TEXT REFERENCES catalog_regions (id) ON DELETE CASCADE
);
CREATE INDEX policy_associations_policy ON policy_associations (policy_id);
CREATE INDEX policy_associations_endpoint ON policy_associations (endpoint_id);
CREATE INDEX policy_associations_service ON policy_associations (service_id);
CREATE INDEX policy_associations_region ON policy_associations (region_id);

-- filters is JSON: what an endpoint must have to be in the group.
CREATE TABLE endpoint_groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    filters TEXT NOT NULL
);

CREATE TABLE project_endpoints (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    endpoint_id TEXT NOT NULL REFERENCES catalog_endpoints (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, endpoint_id)
);
CREATE INDEX project_endpoints_endpoint ON project_endpoints (endpoint_id);

CREATE TABLE project_endpoint_groups (
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES endpoint_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, group_id)
);
CREATE INDEX project_endpoint_groups_group ON project_endpoint_groups (group_id);

-- OAuth 1.0a. All secrets are sealed; roles is a JSON list of ids.
CREATE TABLE oauth_consumers (
    id TEXT PRIMARY KEY,
    description TEXT,
    secret TEXT NOT NULL,
    extra TEXT NOT NULL
);

CREATE TABLE oauth_request_tokens (
    id TEXT PRIMARY KEY,
    consumer_id TEXT NOT NULL REFERENCES oauth_consumers (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    verifier TEXT NOT NULL,
    roles TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX oauth_request_tokens_consumer ON oauth_request_tokens (consumer_id);
CREATE INDEX oauth_request_tokens_project ON oauth_request_tokens (project_id);
CREATE INDEX oauth_request_tokens_user ON oauth_request_tokens (user_id);

CREATE TABLE oauth_access_tokens (
    id TEXT PRIMARY KEY,
    consumer_id TEXT NOT NULL REFERENCES oauth_consumers (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    roles TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX oauth_access_tokens_consumer ON oauth_access_tokens (consumer_id);
CREATE INDEX oauth_access_tokens_project ON oauth_access_tokens (project_id);
CREATE INDEX oauth_access_tokens_user ON oauth_access_tokens (user_id);

-- Signed requests of the last minutes: each is good once.
CREATE TABLE oauth_nonces (
    id TEXT PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX oauth_nonces_expiry ON oauth_nonces (expires_at);

-- Requests that an application credential may be used for. A rule is its
-- user's, and stays when the credential goes.
CREATE TABLE access_rules (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    path TEXT NOT NULL,
    method TEXT NOT NULL,
    UNIQUE (user_id, service, path, method)
);

CREATE TABLE application_credential_rules (
    credential_id TEXT NOT NULL REFERENCES application_credentials (id) ON DELETE CASCADE,
    rule_id TEXT NOT NULL REFERENCES access_rules (id),
    PRIMARY KEY (credential_id, rule_id)
);
CREATE INDEX application_credential_rules_rule ON application_credential_rules (rule_id);

-- How much of a resource a project may have of a service by default, and where
-- a project or domain has a limit of its own.
CREATE TABLE registered_limits (
    id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES catalog_services (id) ON DELETE CASCADE,
    region_id TEXT REFERENCES catalog_regions (id) ON DELETE CASCADE,
    resource_name TEXT NOT NULL,
    default_limit BIGINT NOT NULL,
    description TEXT,
    UNIQUE (service_id, region_id, resource_name)
);
CREATE INDEX registered_limits_region ON registered_limits (region_id);
CREATE UNIQUE INDEX registered_limits_everywhere ON registered_limits (service_id, resource_name) WHERE region_id IS NULL;

CREATE TABLE limits (
    id TEXT PRIMARY KEY,
    registered_limit_id TEXT NOT NULL REFERENCES registered_limits (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    domain_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    resource_limit BIGINT NOT NULL,
    description TEXT,
    UNIQUE (registered_limit_id, project_id),
    UNIQUE (registered_limit_id, domain_id),
    CHECK ((project_id IS NULL) <> (domain_id IS NULL))
);
CREATE INDEX limits_project ON limits (project_id);
CREATE INDEX limits_domain ON limits (domain_id);

-- Log-ins that failed, by who was said to log in: a digest, for users that are
-- there and for those that aren't, so that the work tells not which.
CREATE TABLE login_failures (
    who TEXT PRIMARY KEY,
    attempts BIGINT NOT NULL,
    last_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX login_failures_last ON login_failures (last_at);

-- Hashes of passwords that users had before, where they may not be used again.
CREATE TABLE former_passwords (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password_hash TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL
);
CREATE INDEX former_passwords_user ON former_passwords (user_id, until);

-- +goose Down
DROP TABLE former_passwords;
DROP TABLE login_failures;
DROP TABLE limits;
DROP TABLE registered_limits;
DROP TABLE application_credential_rules;
DROP TABLE access_rules;
DROP TABLE oauth_nonces;
DROP TABLE oauth_access_tokens;
DROP TABLE oauth_request_tokens;
DROP TABLE oauth_consumers;
DROP TABLE project_endpoint_groups;
DROP TABLE project_endpoints;
DROP TABLE endpoint_groups;
DROP TABLE policy_associations;
DROP TABLE policies;
DROP TABLE domain_configs;
DROP TABLE trust_roles;
DROP TABLE trusts;
DROP TABLE credentials;
