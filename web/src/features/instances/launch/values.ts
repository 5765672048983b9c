import type { Pair } from '~/ui/PairsField';
import { recordOf } from '~/ui/PairsField';
import { parseTags } from '../rules';
import type { UserData } from './userData';
import { encodeUserData } from './userData';

/** An interface that the server shall have: a new port in a network, or a port that is there. */
export interface NIC {
  kind: 'network' | 'port';
  id: string;
  /** Fixed address of a new port; '' lets the network choose. */
  address: string;
}

/** What the wizard asks for. */
export interface LaunchValues {
  name: string;
  description: string;
  count: string;
  zone: string;
  image: string;
  flavor: string;
  networking: 'list' | 'auto' | 'none';
  nics: NIC[];
  groups: string[];
  key: string;
  userData: UserData;
  configDrive: boolean;
  metadata: Pair[];
  tags: string;
  serverGroup: string;
  near: string[];
  apart: string[];
}

/** emptyValues are those of a wizard that was opened with ?image=, ?flavor=, ?network= or none of them. */
export const emptyValues = (query: URLSearchParams): LaunchValues => ({
  name: '',
  description: '',
  count: '1',
  zone: '',
  image: query.get('image') ?? '',
  flavor: query.get('flavor') ?? '',
  networking: 'list',
  nics: query.getAll('network').map((id) => ({ kind: 'network', id, address: '' })),
  groups: [],
  key: query.get('key') ?? '',
  userData: { text: '', file: null },
  configDrive: false,
  metadata: [],
  tags: '',
  serverGroup: query.get('server_group') ?? '',
  near: [],
  apart: [],
});

/** Each new port gets the security groups; ports that are there keep their own. */
export const needsGroups = (v: LaunchValues): boolean =>
  v.networking === 'auto' || (v.networking === 'list' && v.nics.some((n) => n.kind === 'network'));

function networksOf(v: LaunchValues): unknown {
  if (v.networking !== 'list') return v.networking;
  return v.nics.map((n) =>
    n.kind === 'port' ? { port: n.id } : { uuid: n.id, ...(n.address.trim() && { fixed_ip: n.address.trim() }) },
  );
}

/** requestOf is the body of POST /servers. What was left empty is not in it. */
export function requestOf(v: LaunchValues): Record<string, unknown> {
  const count = Number(v.count);
  const tags = parseTags(v.tags);
  const userData = encodeUserData(v.userData);
  const hints = {
    ...(v.serverGroup && { group: v.serverGroup }),
    ...(v.near.length > 0 && { same_host: v.near }),
    ...(v.apart.length > 0 && { different_host: v.apart }),
  };
  return {
    server: {
      name: v.name.trim(),
      imageRef: v.image,
      flavorRef: v.flavor,
      min_count: count,
      max_count: count,
      networks: networksOf(v),
      ...(v.description.trim() && { description: v.description.trim() }),
      ...(v.zone && { availability_zone: v.zone }),
      ...(needsGroups(v) && v.groups.length > 0 && { security_groups: v.groups.map((name) => ({ name })) }),
      ...(v.key && { key_name: v.key }),
      ...(userData && { user_data: userData }),
      ...(v.configDrive && { config_drive: true }),
      ...(v.metadata.length > 0 && { metadata: recordOf(v.metadata) }),
      ...(tags.length > 0 && { tags }),
    },
    ...(Object.keys(hints).length > 0 && { 'os:scheduler_hints': hints }),
  };
}
