-- Rows for each table that came after schema 8, a statement a line. Lines of
-- tables that the schema has not are left out.
INSERT INTO secrets (name, value, updated_at) VALUES ('token keys', '["k1", "k0"]', '2026-01-02 03:04:05+00:00');
INSERT INTO join_tokens (id, secret_hash, host, created_at, expires_at, used_at, used_by, used_key) VALUES ('1', 'hash', '', '2026-01-02 03:04:05+00:00', '2026-01-02 04:04:05+00:00', NULL, '', '');
INSERT INTO nodes (host, certificate, next_certificate, expires_at, next_expires_at, joined_at, removed_at) VALUES ('node-1', 'print', '', '2027-01-02 03:04:05+00:00', NULL, '2026-01-02 03:04:05+00:00', NULL);
INSERT INTO network_hosts (host, endpoint) VALUES ('node-1', '192.0.2.1');
INSERT INTO network_host_physical (host, physical_network) VALUES ('node-1', 'public');
INSERT INTO server_evacuations (server_id, source_host, target_host, held, created_at) VALUES ('v1', 'node-2', 'node-1', FALSE, '2026-01-02 03:04:05+00:00');
INSERT INTO notices (xact, origin, body, made_at) VALUES (9223372036854775807, 'server', '{}', '2026-01-02 03:04:05+00:00');
INSERT INTO cloud_servers (name, run, url, version, started_at, seen_at) VALUES ('node-1', 'r', '', '1', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO metadef_namespaces (id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at) VALUES ('m1', 'hw', NULL, 'words', 'public', FALSE, 'p1', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO metadef_objects (id, namespace_id, name, description, required, properties, created_at, updated_at) VALUES ('m2', 'm1', 'o', NULL, '[]', '{}', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO metadef_properties (id, namespace_id, name, type, created_at, updated_at) VALUES ('m3', 'm1', 'p', '{"type":"string","title":"T"}', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO metadef_tags (id, namespace_id, name, created_at, updated_at) VALUES ('m4', 'm1', 't', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO metadef_associations (namespace_id, name, prefix, properties_target, created_at, updated_at) VALUES ('m1', 'OS::Nova::Flavor', NULL, 'image', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO network_rbac (id, project_id, object_type, object_id, action, target_project) VALUES ('rb1', '0001', 'network', 'n1', 'access_as_shared', '0002');
INSERT INTO address_scopes (id, project_id, name, description, ip_version, shared, created_at, updated_at, revision) VALUES ('as1', '0001', 'scope', '', 4, FALSE, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO subnet_pools (id, project_id, name, description, ip_version, prefixes, default_prefixlen, min_prefixlen, max_prefixlen, default_quota, is_default, shared, address_scope_id, created_at, updated_at, revision) VALUES ('sp1', '0001', 'pool', '', 4, '["10.0.0.0/8"]', 24, 8, 32, NULL, TRUE, FALSE, 'as1', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO network_leases (network_id, host, answered) VALUES ('n1', 'node-1', FALSE);
INSERT INTO address_groups (id, project_id, name, description, addresses, shared, created_at, updated_at, revision) VALUES ('ag1', '0001', 'group', '', '["10.0.0.0/8"]', FALSE, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO compute_quota_classes (class, resource, hard_limit) VALUES ('default', 'cores', -1);
INSERT INTO compute_migrations (number, id, kind, status, server_id, project_id, user_id, source_host, target_host, target_ip, created_at, updated_at) VALUES (1, 'm1', 'evacuation', 'done', 'v1', 'p1', 'u1', 'node-2', 'node-1', '192.0.2.1', '2026-01-02 03:04:05+00:00', NULL);
INSERT INTO compute_host_images (host, image_id, image, asked_at) VALUES ('node-1', 'i1', '{"id":"i1"}', '2026-01-02 03:04:05+00:00');
