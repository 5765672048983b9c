-- +goose Up

-- JSON columns hold lists that are only ever read and written whole.

CREATE TABLE networks (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  admin_state_up BOOLEAN NOT NULL,
  shared BOOLEAN NOT NULL,
  external BOOLEAN NOT NULL,
  is_default BOOLEAN NOT NULL,
  port_security_enabled BOOLEAN NOT NULL,
  mtu BIGINT NOT NULL,
  network_type TEXT NOT NULL,
  physical_network TEXT NOT NULL,
  segmentation_id BIGINT NOT NULL,
  dns_domain TEXT NOT NULL,
  zone_hints TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX networks_project ON networks (project_id);
CREATE INDEX networks_name ON networks (name);
-- One flat network per physical network, one network per tag or key.
CREATE UNIQUE INDEX networks_segment ON networks (network_type, physical_network, segmentation_id) WHERE network_type <> 'local';

CREATE TABLE subnets (
  id TEXT PRIMARY KEY,
  network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  ip_version BIGINT NOT NULL,
  cidr TEXT NOT NULL,
  gateway_ip TEXT NOT NULL,
  enable_dhcp BOOLEAN NOT NULL,
  ra_mode TEXT NOT NULL,
  address_mode TEXT NOT NULL,
  pools TEXT NOT NULL,
  dns TEXT NOT NULL,
  host_routes TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX subnets_network ON subnets (network_id);
CREATE INDEX subnets_project ON subnets (project_id);

CREATE TABLE routers (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  admin_state_up BOOLEAN NOT NULL,
  enable_snat BOOLEAN NOT NULL,
  gateway_host TEXT NOT NULL,
  routes TEXT NOT NULL,
  zone_hints TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX routers_project ON routers (project_id);
CREATE INDEX routers_gateway_host ON routers (gateway_host);

CREATE TABLE ports (
  id TEXT PRIMARY KEY,
  network_id TEXT NOT NULL REFERENCES networks (id),
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  mac TEXT NOT NULL,
  admin_state_up BOOLEAN NOT NULL,
  status TEXT NOT NULL,
  device_id TEXT NOT NULL,
  device_owner TEXT NOT NULL,
  host TEXT NOT NULL,
  port_security_enabled BOOLEAN NOT NULL,
  address_pairs TEXT NOT NULL,
  dhcp_opts TEXT NOT NULL,
  dns_name TEXT NOT NULL,
  vnic_type TEXT NOT NULL,
  profile TEXT NOT NULL,
  -- Who keeps the port: empty for users, else compute, dhcp, interface,
  -- gateway or floating. What wisp decides rests on this and on router_id,
  -- never on device_owner, which a network's owner may write.
  role TEXT NOT NULL,
  router_id TEXT REFERENCES routers (id),
  tag TEXT NOT NULL,
  nic BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX ports_mac ON ports (network_id, mac);
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_device ON ports (device_id);
CREATE INDEX ports_host ON ports (host);
CREATE INDEX ports_router ON ports (router_id, role);
-- A network has one DHCP port, a router one gateway.
CREATE UNIQUE INDEX ports_dhcp ON ports (network_id) WHERE role = 'dhcp';
CREATE UNIQUE INDEX ports_gateway ON ports (router_id) WHERE role = 'gateway';

CREATE TABLE port_addresses (
  network_id TEXT NOT NULL REFERENCES networks (id),
  address TEXT NOT NULL,
  subnet_id TEXT NOT NULL REFERENCES subnets (id),
  port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
  position BIGINT NOT NULL,
  PRIMARY KEY (network_id, address)
);
CREATE INDEX port_addresses_port ON port_addresses (port_id);
CREATE INDEX port_addresses_subnet ON port_addresses (subnet_id, address);
CREATE INDEX port_addresses_address ON port_addresses (address);

CREATE TABLE security_groups (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  is_default BOOLEAN NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX security_groups_project ON security_groups (project_id, name);
CREATE UNIQUE INDEX security_groups_default ON security_groups (project_id) WHERE is_default;

CREATE TABLE security_group_rules (
  id TEXT PRIMARY KEY,
  group_id TEXT NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL,
  description TEXT NOT NULL,
  direction TEXT NOT NULL,
  ethertype TEXT NOT NULL,
  protocol TEXT NOT NULL,
  port_min BIGINT,
  port_max BIGINT,
  remote_prefix TEXT NOT NULL,
  remote_group_id TEXT REFERENCES security_groups (id) ON DELETE CASCADE,
  fingerprint TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX security_group_rules_once ON security_group_rules (group_id, fingerprint);
CREATE INDEX security_group_rules_project ON security_group_rules (project_id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id);

CREATE TABLE port_security_groups (
  port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
  group_id TEXT NOT NULL REFERENCES security_groups (id),
  PRIMARY KEY (port_id, group_id)
);
CREATE INDEX port_security_groups_group ON port_security_groups (group_id);

CREATE TABLE floating_ips (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  description TEXT NOT NULL,
  network_id TEXT NOT NULL REFERENCES networks (id),
  address TEXT NOT NULL,
  own_port_id TEXT NOT NULL REFERENCES ports (id),
  port_id TEXT REFERENCES ports (id),
  fixed_address TEXT NOT NULL,
  dns_name TEXT NOT NULL,
  dns_domain TEXT NOT NULL,
  router_id TEXT REFERENCES routers (id),
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX floating_ips_project ON floating_ips (project_id);
CREATE INDEX floating_ips_router ON floating_ips (router_id);
CREATE INDEX floating_ips_own_port ON floating_ips (own_port_id);
CREATE UNIQUE INDEX floating_ips_fixed ON floating_ips (port_id, fixed_address, network_id);

CREATE TABLE network_agents (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  agent_type TEXT NOT NULL,
  program TEXT NOT NULL,
  topic TEXT NOT NULL,
  availability_zone TEXT NOT NULL,
  description TEXT NOT NULL,
  admin_state_up BOOLEAN NOT NULL,
  configurations TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  heartbeat_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX network_agents_host ON network_agents (host, agent_type);

CREATE TABLE network_quotas (
  project_id TEXT NOT NULL,
  resource TEXT NOT NULL,
  max_count BIGINT NOT NULL,
  PRIMARY KEY (project_id, resource)
);

CREATE TABLE network_tags (
  object_id TEXT NOT NULL,
  tag TEXT NOT NULL,
  PRIMARY KEY (object_id, tag)
);
CREATE INDEX network_tags_tag ON network_tags (tag);

-- +goose Down
DROP TABLE network_tags;
DROP TABLE network_quotas;
DROP TABLE network_agents;
DROP TABLE floating_ips;
DROP TABLE port_security_groups;
DROP TABLE security_group_rules;
DROP TABLE security_groups;
DROP TABLE port_addresses;
DROP TABLE ports;
DROP TABLE routers;
DROP TABLE subnets;
DROP TABLE networks;
