/**
 * Resources that show more than themselves: when the first changes, what is known of the others is old too. A port is part of
 * what a network's, a router's, a floating IP's and a server's page show; all that has a quota is part of its use.
 */
const shows: Record<string, string[]> = {
  server: ['hypervisor', 'usage', 'server_group'],
  server_group: ['usage'],
  keypair: ['usage'],
  network: ['subnet', 'port', 'usage'],
  subnet: ['network', 'port', 'subnetpool', 'usage'],
  port: ['network', 'router', 'floatingip', 'server', 'usage'],
  router: ['port', 'floatingip', 'network', 'usage'],
  floatingip: ['port', 'server', 'network', 'usage'],
  security_group: ['port', 'usage'],
  security_group_rule: ['security_group', 'usage'],
  subnetpool: ['address_scope', 'subnet', 'usage'],
  address_scope: ['subnetpool', 'network'],
  address_group: ['security_group', 'usage'],
  qos_policy: ['network', 'port', 'usage'],
  metering_label: ['metering_label_rule'],
  rbac_policy: ['network', 'security_group', 'subnetpool', 'address_scope', 'address_group', 'qos_policy', 'usage'],
  project: ['endpoint_group'],
  endpoint: ['endpoint_group'],
  role_assignment: ['user', 'project', 'group'],
  aggregate: ['zone', 'compute_service'],
  service: ['compute_service', 'hypervisor', 'zone'],
  resource_provider: ['hypervisor'],
  quota_set: ['usage'],
  quota_class_set: ['usage'],
  network_quota: ['usage'],
};

/** shownBy are the other resources that show one. */
export const shownBy = (resource: string): string[] => shows[resource] ?? [];
