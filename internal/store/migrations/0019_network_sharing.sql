-- +goose Up

-- Who else may use an object: a project, or '*' for all. What the columns
-- "shared" and "external" say of all projects is a row here too.
CREATE TABLE network_rbac (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  object_type TEXT NOT NULL,
  object_id TEXT NOT NULL,
  action TEXT NOT NULL,
  target_project TEXT NOT NULL
);
CREATE UNIQUE INDEX network_rbac_once ON network_rbac (object_id, action, target_project);
CREATE INDEX network_rbac_target ON network_rbac (target_project, object_id);
CREATE INDEX network_rbac_project ON network_rbac (project_id);

-- Policies of networks that were shared before have ids made of the networks'.
INSERT INTO network_rbac (id, project_id, object_type, object_id, action, target_project)
  SELECT id, project_id, 'network', id, 'access_as_shared', '*' FROM networks WHERE shared;
INSERT INTO network_rbac (id, project_id, object_type, object_id, action, target_project)
  SELECT substr(id, 2, 7) || substr(id, 1, 1) || substr(id, 9), project_id, 'network', id, 'access_as_external', '*' FROM networks WHERE external;

ALTER TABLE security_groups ADD COLUMN shared BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE address_scopes (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  ip_version BIGINT NOT NULL,
  shared BOOLEAN NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX address_scopes_project ON address_scopes (project_id);

CREATE TABLE subnet_pools (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  ip_version BIGINT NOT NULL,
  prefixes TEXT NOT NULL,
  default_prefixlen BIGINT NOT NULL,
  min_prefixlen BIGINT NOT NULL,
  max_prefixlen BIGINT NOT NULL,
  default_quota BIGINT,
  is_default BOOLEAN NOT NULL,
  shared BOOLEAN NOT NULL,
  address_scope_id TEXT REFERENCES address_scopes (id),
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX subnet_pools_project ON subnet_pools (project_id);
CREATE INDEX subnet_pools_scope ON subnet_pools (address_scope_id);
CREATE UNIQUE INDEX subnet_pools_default ON subnet_pools (ip_version) WHERE is_default;

ALTER TABLE subnets ADD COLUMN pool_id TEXT;
CREATE INDEX subnets_pool ON subnets (pool_id);

-- Where an administrator said that a host answers DHCP on a network, or does
-- not.
CREATE TABLE network_leases (
  network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  host TEXT NOT NULL,
  answered BOOLEAN NOT NULL,
  PRIMARY KEY (network_id, host)
);
CREATE INDEX network_leases_host ON network_leases (host);

-- A router that is not distributed has its floating IPs where its gateway is.
ALTER TABLE routers ADD COLUMN distributed BOOLEAN NOT NULL DEFAULT TRUE;

CREATE TABLE address_groups (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  addresses TEXT NOT NULL,
  shared BOOLEAN NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX address_groups_project ON address_groups (project_id);
ALTER TABLE security_group_rules ADD COLUMN remote_address_group_id TEXT;
CREATE INDEX security_group_rules_addresses ON security_group_rules (remote_address_group_id);

-- +goose Down
DROP INDEX security_group_rules_addresses;
ALTER TABLE security_group_rules DROP COLUMN remote_address_group_id;
DROP TABLE address_groups;
ALTER TABLE routers DROP COLUMN distributed;
DROP TABLE network_leases;
DROP INDEX subnets_pool;
ALTER TABLE subnets DROP COLUMN pool_id;
DROP TABLE subnet_pools;
DROP TABLE address_scopes;
ALTER TABLE security_groups DROP COLUMN shared;
DROP TABLE network_rbac;
