-- +goose Up

-- What of the network each host has, as its last heartbeat said: where its
-- tunnels end (empty: nowhere), and which physical networks it is on. The
-- choices of gateway hosts and bindings are joins with these.
CREATE TABLE network_hosts (
  host TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL
);
CREATE TABLE network_host_physical (
  host TEXT NOT NULL REFERENCES network_hosts (host) ON DELETE CASCADE,
  physical_network TEXT NOT NULL,
  PRIMARY KEY (host, physical_network)
);
CREATE INDEX network_host_physical_name ON network_host_physical (physical_network);

-- A port whose host does not have its network is bound and does not work.
ALTER TABLE ports ADD COLUMN binding_failed BOOLEAN NOT NULL DEFAULT FALSE;

-- A router's leg on its external network is where its gateway host is.
UPDATE ports SET host = (SELECT gateway_host FROM routers WHERE routers.id = ports.router_id) WHERE role = 'gateway';

-- How often a gateway was given another host, and which one had it before: a
-- host that nobody tells that its gateway has moved away learns it from the
-- next one.
ALTER TABLE routers ADD COLUMN gateway_moves BIGINT NOT NULL DEFAULT 0;
ALTER TABLE routers ADD COLUMN gateway_former TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE routers DROP COLUMN gateway_former;
ALTER TABLE routers DROP COLUMN gateway_moves;
UPDATE ports SET host = '' WHERE role = 'gateway';
ALTER TABLE ports DROP COLUMN binding_failed;
DROP TABLE network_host_physical;
DROP TABLE network_hosts;
