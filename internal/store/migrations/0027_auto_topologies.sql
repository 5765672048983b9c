-- +goose Up

-- The network with a way to the outside that a project was given because it
-- asked for any.
CREATE TABLE auto_topologies (
  project_id TEXT PRIMARY KEY,
  network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  router_id TEXT REFERENCES routers (id) ON DELETE SET NULL
);
CREATE INDEX auto_topologies_network ON auto_topologies (network_id);
CREATE INDEX auto_topologies_router ON auto_topologies (router_id);
