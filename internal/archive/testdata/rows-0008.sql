-- Rows for each table of schema 8: ids of digits, nothing and empty text, both
-- truths, microseconds, numbers that are large, JSON, and rows that refer to
-- others of their own table which come after them in any order of names.
DELETE FROM identity_revision;
INSERT INTO projects (id, name, domain_id, parent_id, is_domain, enabled, description, options, extra, created_at) VALUES
  ('default', 'Default', NULL, NULL, TRUE, TRUE, '', '{}', '{}', '2026-01-02 03:04:05.123456+00:00'),
  ('zz', 'parent', 'default', 'default', FALSE, TRUE, 'it''s "quoted" \ back', '{}', '{"a": [1, null, "ü"]}', '2026-01-02 03:04:05+00:00'),
  ('aa', 'child', 'default', 'zz', FALSE, FALSE, '雲 ☁', '{}', '{}', '2026-01-02 03:04:05.1+00:00'),
  ('0001', 'grandchild', 'default', 'aa', FALSE, TRUE, '', '{}', '{}', '2026-01-02 03:04:05.999999+00:00');
INSERT INTO project_tags (project_id, name) VALUES ('aa', 'one'), ('0001', '007');
INSERT INTO users (id, name, domain_id, enabled, default_project_id, description, password_hash, valid_after, options, extra, created_at) VALUES
  ('12345678901234567890123456789012', 'admin', 'default', TRUE, NULL, NULL, '$2b$12$hash', '2026-01-02 03:04:05.000001+00:00', '{}', '{}', '2026-01-02 03:04:05+00:00'),
  ('u2', 'member', 'default', FALSE, '0001', '', '', '2026-01-02 03:04:05+00:00', '{}', '{}', '2026-01-02 03:04:05+00:00');
INSERT INTO user_groups (id, name, domain_id, description, extra) VALUES ('1e5', 'group', 'default', '', '{}');
INSERT INTO group_members (group_id, user_id) VALUES ('1e5', 'u2');
INSERT INTO roles (id, name, domain_id, description, options, extra) VALUES
  ('r1', 'admin', NULL, NULL, '{}', '{}'), ('r2', 'member', 'default', '', '{}', '{}');
INSERT INTO implied_roles (prior_id, implied_id) VALUES ('r1', 'r2');
INSERT INTO role_assignments (id, user_id, group_id, scope, project_id, role_id, inherited) VALUES
  ('a1', 'u2', NULL, 'project', '0001', 'r2', FALSE), ('a2', NULL, '1e5', 'system', NULL, 'r1', TRUE);
INSERT INTO catalog_regions (id, parent_id, description, extra) VALUES ('RegionOne', NULL, '', '{}'), ('A', 'RegionOne', 'a part', '{}');
INSERT INTO catalog_services (id, type, enabled, name, description, extra) VALUES ('s1', 'compute', TRUE, NULL, NULL, '{}');
INSERT INTO catalog_endpoints (id, service_id, region_id, interface, url, enabled, extra) VALUES ('e1', 's1', 'RegionOne', 'public', 'http://127.0.0.1:5000/compute', TRUE, '{}');
INSERT INTO application_credentials (id, user_id, project_id, name, description, secret_hash, unrestricted, expires_at) VALUES
  ('c1', 'u2', '0001', 'ci', NULL, 'hash', FALSE, NULL), ('c2', 'u2', '0001', 'until', '', 'hash', TRUE, '2027-01-01 00:00:00+00:00');
INSERT INTO application_credential_roles (credential_id, role_id) VALUES ('c1', 'r2');
INSERT INTO revocations (audit_id, expires_at, revision) VALUES ('x', '2026-01-02 03:04:05+00:00', 9223372036854775807);
INSERT INTO identity_revision (id, revision) VALUES (1, 42);

INSERT INTO images (id, name, owner, status, visibility, disk_format, container_format, size, virtual_size, checksum, hash_algo, hash_value, min_disk, min_ram, protected, hidden,
    created_at, updated_at, blob, upload_id, upload_server, upload_seen_at, reserved, import_task, import_state) VALUES
  ('00000000-0000-0000-0000-000000000001', 'cirros', '0001', 'active', 'public', 'raw', 'bare', 10, 10, 'c', 'sha512', 'h', 0, 0, TRUE, FALSE,
    '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 'i1_u1', '', '', '2026-01-02 03:04:05+00:00', 0, '', ''),
  ('i2', 'empty', '0001', 'queued', 'private', '', '', NULL, NULL, '', '', '', 1, 2, FALSE, TRUE,
    '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', '', '', '', '2026-01-02 03:04:05+00:00', 5368709120, 't1', 'running');
INSERT INTO image_ids (id, used_at) VALUES ('i2', '2026-01-02 03:04:05+00:00');
INSERT INTO image_properties (image_id, name, value) VALUES ('i2', 'os_version', '12.10');
INSERT INTO image_tags (image_id, tag) VALUES ('i2', 'tag');
INSERT INTO image_members (image_id, member_id, status, created_at, updated_at) VALUES ('i2', 'aa', 'pending', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO image_held (image_id, blob, size, total, md5, sha512) VALUES ('i2', 'i2_u2', 5, 10, 'AA==', 'AA==');
INSERT INTO image_tasks (id, image_id, owner, user_id, request_id, status, method, uri, input, message, server, seen_at, attempts, created_at, updated_at, expires_at) VALUES
  ('t1', 'i2', '0001', 'u2', 'req-1', 'pending', 'web-download', 'https://example.org/i', '{}', '', '', '2026-01-02 03:04:05+00:00', 1, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', NULL);

INSERT INTO placement_providers (id, name, generation, created_at, updated_at) VALUES ('h1', 'node-1', 3, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO placement_inventories (provider_id, class, total, reserved, min_unit, max_unit, step_size, allocation_ratio, updated_at) VALUES
  ('h1', 'VCPU', 8, 0, 1, 8, 1, 16.0, '2026-01-02 03:04:05+00:00'), ('h1', 'MEMORY_MB', 16384, 512, 1, 16384, 1, 1.1, '2026-01-02 03:04:05+00:00');
INSERT INTO placement_consumers (id, project_id, user_id, type, generation, created_at, updated_at) VALUES ('v1', '0001', 'u2', 'INSTANCE', 1, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO placement_allocations (consumer_id, provider_id, class, used, created_at) VALUES ('v1', 'h1', 'VCPU', 1, '2026-01-02 03:04:05+00:00');
INSERT INTO placement_classes (name, created_at) VALUES ('CUSTOM_GPU', '2026-01-02 03:04:05+00:00');
INSERT INTO placement_traits (name, created_at) VALUES ('CUSTOM_SSD', '2026-01-02 03:04:05+00:00');
INSERT INTO placement_provider_traits (provider_id, trait) VALUES ('h1', 'CUSTOM_SSD');
INSERT INTO placement_provider_aggregates (provider_id, aggregate_id) VALUES ('h1', '00000000-0000-0000-0000-000000000002');

INSERT INTO networks (id, project_id, name, description, admin_state_up, shared, external, is_default, port_security_enabled, mtu, network_type, physical_network, segmentation_id, dns_domain, zone_hints, created_at, updated_at, revision) VALUES
  ('n1', '0001', 'net', '', TRUE, FALSE, FALSE, FALSE, TRUE, 1450, 'vxlan', '', 4096, '', '[]', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1),
  ('n2', '0001', 'public', '', TRUE, TRUE, TRUE, TRUE, TRUE, 1500, 'flat', 'public', 0, '', '["nova"]', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 2);
INSERT INTO subnets (id, network_id, project_id, name, description, ip_version, cidr, gateway_ip, enable_dhcp, ra_mode, address_mode, pools, dns, host_routes, created_at, updated_at, revision) VALUES
  ('sn1', 'n1', '0001', 'sub', '', 4, '10.0.0.0/24', '10.0.0.1', TRUE, '', '', '[{"start":"10.0.0.2","end":"10.0.0.254"}]', '[]', '[]', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO routers (id, project_id, name, description, admin_state_up, enable_snat, gateway_host, routes, zone_hints, created_at, updated_at, revision) VALUES
  ('ro1', '0001', 'router', '', TRUE, TRUE, 'node-1', '[]', '[]', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO ports (id, network_id, project_id, name, description, mac, admin_state_up, status, device_id, device_owner, host, port_security_enabled, address_pairs, dhcp_opts, dns_name, vnic_type, profile, role, router_id, tag, nic, created_at, updated_at, revision) VALUES
  ('p1', 'n1', '0001', '', '', 'fa:16:3e:00:00:01', TRUE, 'ACTIVE', 'v1', 'compute:nova', 'node-1', TRUE, '[]', '[]', '', 'normal', '{}', 'compute', NULL, '', 0, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1),
  ('p2', 'n2', '0001', '', '', 'fa:16:3e:00:00:02', TRUE, 'DOWN', '', 'network:floatingip', '', TRUE, '[]', '[]', '', 'normal', '{}', 'floating', NULL, '', 0, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1),
  ('p3', 'n2', '0001', '', '', 'fa:16:3e:00:00:03', TRUE, 'ACTIVE', 'ro1', 'network:router_gateway', '', FALSE, '[]', '[]', '', 'normal', '{}', 'gateway', 'ro1', '', 0, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO port_addresses (network_id, address, subnet_id, port_id, position) VALUES ('n1', '10.0.0.5', 'sn1', 'p1', 0);
INSERT INTO security_groups (id, project_id, name, description, is_default, created_at, updated_at, revision) VALUES ('g1', '0001', 'default', '', TRUE, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO security_group_rules (id, group_id, project_id, description, direction, ethertype, protocol, port_min, port_max, remote_prefix, remote_group_id, fingerprint, created_at, updated_at, revision) VALUES
  ('ru1', 'g1', '0001', '', 'ingress', 'IPv4', 'tcp', 22, 22, '0.0.0.0/0', NULL, 'f1', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1),
  ('ru2', 'g1', '0001', '', 'ingress', 'IPv4', '', NULL, NULL, '', 'g1', 'f2', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO port_security_groups (port_id, group_id) VALUES ('p1', 'g1');
INSERT INTO floating_ips (id, project_id, description, network_id, address, own_port_id, port_id, fixed_address, dns_name, dns_domain, router_id, created_at, updated_at, revision) VALUES
  ('f1', '0001', '', 'n2', '172.24.4.9', 'p2', 'p1', '10.0.0.5', '', '', 'ro1', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', 1);
INSERT INTO network_agents (id, host, agent_type, program, topic, availability_zone, description, admin_state_up, configurations, created_at, started_at, heartbeat_at) VALUES
  ('ag1', 'node-1', 'L3 agent', 'wisp', '', 'nova', '', TRUE, '{}', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05.654321+00:00');
INSERT INTO network_quotas (project_id, resource, max_count) VALUES ('0001', 'port', -1);
INSERT INTO network_tags (object_id, tag) VALUES ('n1', 'blue');

INSERT INTO compute_hosts (id, service_id, number, host, zone, version, address, endpoint, capacity, physical, connected, disabled, disabled_reason, forced_down, memory_used_mib, disk_used_gib, load_average, started_at, last_seen_at, created_at, updated_at, session, disconnected_at) VALUES
  ('h1', 'sv1', 1, 'node-1', 'nova', '1', '127.0.0.1', '', '{"vcpus": 8}', '["public"]', TRUE, FALSE, NULL, FALSE, 100, 2, 0.30000000000000004, NULL, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', '', NULL);
INSERT INTO aggregates (number, id, name, metadata, created_at, updated_at) VALUES (1, 'ag', 'fast', '{"ssd": "true"}', '2026-01-02 03:04:05+00:00', NULL);
INSERT INTO aggregate_hosts (aggregate, host) VALUES (1, 'node-1');
INSERT INTO flavors (id, name, description, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, is_public, disabled, created_at, updated_at) VALUES
  ('1', 'm1.tiny', NULL, 512, 1, 1, 0, 0, 1.0, TRUE, FALSE, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO flavor_access (flavor_id, project_id) VALUES ('1', '0001');
INSERT INTO flavor_extra_specs (flavor_id, name, value) VALUES ('1', 'hw:cpu_policy', 'shared');
INSERT INTO keypairs (user_id, name, number, type, fingerprint, public_key, created_at) VALUES ('u2', 'key', 1, 'ssh', 'fp', 'ssh-ed25519 AAAA', '2026-01-02 03:04:05+00:00');
INSERT INTO compute_quotas (project_id, resource, hard_limit) VALUES ('0001', 'instances', 10);
INSERT INTO server_groups (id, project_id, user_id, name, policy, per_host, created_at) VALUES ('sg1', '0001', 'u2', 'apart', 'anti-affinity', 1, '2026-01-02 03:04:05+00:00');
INSERT INTO servers (id, project_id, user_id, name, description, hostname, vm_state, task_state, power_state, power, boot_generation, reset_generation, host, zone, pinned_zone, flavor_id, flavor, vcpus, memory_mb, disk_gb, image_id, image, key_name, key_pair, user_data, admin_pass, config_drive, metadata, locked_by, locked_reason, disk_config, access_ipv4, access_ipv6, reservation_id, launch_index, group_id, fault, created_at, updated_at, launched_at, terminated_at, deleted_at) VALUES
  ('v1', '0001', 'u2', 'server', NULL, 'server', 'active', '', 1, 'running', 1, 0, 'node-1', 'nova', NULL, '1', '{"name": "m1.tiny"}', 1, 512, 1, '00000000-0000-0000-0000-000000000001', '{}', 'key', NULL, 'I2Nsb3Vk', '', FALSE, '{"k": "v"}', '', NULL, 'MANUAL', '', '', 'r-1', 0, 'sg1', NULL, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:06.5+00:00', NULL, NULL);
INSERT INTO server_tags (server_id, tag) VALUES ('v1', 'web');
INSERT INTO server_actions (server_id, request_id, action, project_id, user_id, message, start_time, updated_at) VALUES ('v1', 'req-2', 'create', '0001', 'u2', NULL, '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00');
INSERT INTO server_action_events (server_id, request_id, event, host, start_time, finish_time, result, details) VALUES ('v1', 'req-2', 'compute__do_build', 'node-1', '2026-01-02 03:04:05+00:00', NULL, NULL, NULL);
INSERT INTO cloud (only_row, id) VALUES (1, '6a3e1c1e-0000-4000-8000-000000000001');
INSERT INTO console_tokens (hash, server_id, kind, expires_at) VALUES ('hash', 'v1', 'vnc', '2026-01-02 03:04:05+00:00');
