-- +goose Up

-- What of the traffic between a project's routers and the outside is counted.
CREATE TABLE metering_labels (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  shared BOOLEAN NOT NULL
);
CREATE INDEX metering_labels_project ON metering_labels (project_id);

CREATE TABLE metering_rules (
  id TEXT PRIMARY KEY,
  label_id TEXT NOT NULL REFERENCES metering_labels (id) ON DELETE CASCADE,
  direction TEXT NOT NULL,
  excluded BOOLEAN NOT NULL,
  remote_prefix TEXT NOT NULL,
  source_prefix TEXT NOT NULL,
  destination_prefix TEXT NOT NULL
);
CREATE INDEX metering_rules_label ON metering_rules (label_id);

-- What hosts have counted. A host counts from 0 when it has restarted: what
-- it said last is kept beside the sums.
CREATE TABLE metering_counts (
  label_id TEXT NOT NULL REFERENCES metering_labels (id) ON DELETE CASCADE,
  host TEXT NOT NULL,
  direction TEXT NOT NULL,
  packets BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  said_packets BIGINT NOT NULL,
  said_bytes BIGINT NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (label_id, host, direction)
);
CREATE INDEX metering_counts_host ON metering_counts (host);

-- What ports, networks, floating IPs and gateways of routers may do.
CREATE TABLE qos_policies (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  shared BOOLEAN NOT NULL,
  is_default BOOLEAN NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  revision BIGINT NOT NULL
);
CREATE INDEX qos_policies_project ON qos_policies (project_id);
CREATE UNIQUE INDEX qos_policies_default ON qos_policies (project_id) WHERE is_default;

-- A rule's amount is a rate or a mark, as its type says.
CREATE TABLE qos_rules (
  id TEXT PRIMARY KEY,
  policy_id TEXT NOT NULL REFERENCES qos_policies (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  direction TEXT NOT NULL,
  amount BIGINT NOT NULL,
  burst BIGINT NOT NULL
);
CREATE UNIQUE INDEX qos_rules_once ON qos_rules (policy_id, type, direction);

ALTER TABLE networks ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id);
ALTER TABLE ports ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id);
ALTER TABLE floating_ips ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id);
ALTER TABLE routers ADD COLUMN qos_policy_id TEXT REFERENCES qos_policies (id);
CREATE INDEX networks_qos ON networks (qos_policy_id);
CREATE INDEX ports_qos ON ports (qos_policy_id);
CREATE INDEX floating_ips_qos ON floating_ips (qos_policy_id);
CREATE INDEX routers_qos ON routers (qos_policy_id);
