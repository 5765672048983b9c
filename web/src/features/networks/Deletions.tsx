import Alert from '@cloudscape-design/components/alert';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Network, type Port, type Subnet, usePorts, useSubnets } from '~/api/network';
import { nameOf } from '~/ui/format';
import { useServerNames } from './useServerNames';

const most = 8;

/** Some names, and how many there are beside them. */
export function Names({ names }: { names: string[] }) {
  const { t } = useTranslation('networks');
  return (
    <ul>
      {names.slice(0, most).map((name) => (
        <li key={name}>{name}</li>
      ))}
      {names.length > most && <li>{t('andMore', { count: names.length - most })}</li>}
    </ul>
  );
}

/** subnetWords is a subnet for a person: its range, and its name if it has one. */
const subnetWords = (s: Subnet): string => (s.name ? `${s.name} (${s.cidr})` : s.cidr);

const addressesOf = (p: Port) => p.fixed_ips.map((ip) => ip.ip_address).join(', ');

/** portWords is a port for a person: its name and addresses, and what it belongs to. */
export function usePortWords(): (port: Port) => string {
  const { t } = useTranslation('networks');
  const servers = useServerNames();
  return (p) => {
    const what = ownerKey(p.device_owner);
    const owner = what && [t(`owner.${what}`), servers.get(p.device_id)].filter(Boolean).join(' ');
    return [nameOf(p), addressesOf(p), owner].filter(Boolean).join(' – ');
  };
}

/** ownerKey tells what keeps a port, as a word of `owner`. */
export function ownerKey(owner: string): '' | 'instance' | 'dhcp' | 'interface' | 'gateway' | 'floatingip' | 'other' {
  if (owner === '') return '';
  if (owner.startsWith('compute:')) return 'instance';
  if (owner === 'network:dhcp') return 'dhcp';
  if (owner === 'network:router_gateway') return 'gateway';
  if (owner === 'network:floatingip') return 'floatingip';
  return owner.startsWith('network:router_interface') ? 'interface' : 'other';
}

/** What goes with networks that are deleted, and what stands in the way. */
export function NetworkDeletion({ networks }: { networks: Network[] }) {
  const { t } = useTranslation('networks');
  const ids = networks.map((n) => n.id);
  const ports = usePorts({ network_id: ids });
  const subnets = (useSubnets().data ?? []).filter((s) => ids.includes(s.network_id));
  const words = usePortWords();
  const inTheWay = (ports.data ?? []).filter((p) => p.device_owner !== 'network:dhcp');
  return (
    <SpaceBetween size="s">
      <div>{t('deleteText', { count: networks.length, name: networks[0] && nameOf(networks[0]) })}</div>
      {subnets.length > 0 && (
        <div>
          {t('deleteSubnets')}
          <Names names={subnets.map(subnetWords)} />
        </div>
      )}
      {inTheWay.length > 0 && (
        <Alert type="error" header={t('inTheWay')}>
          <Names names={inTheWay.map(words)} />
        </Alert>
      )}
    </SpaceBetween>
  );
}

/** What stands in the way of deleting subnets: ports with addresses of them. */
export function SubnetDeletion({ subnets, ports }: { subnets: Subnet[]; ports: Port[] }) {
  const { t } = useTranslation('networks');
  const words = usePortWords();
  const ids = subnets.map((s) => s.id);
  const inTheWay = ports.filter(
    (p) => p.device_owner !== 'network:dhcp' && p.fixed_ips.some((ip) => ids.includes(ip.subnet_id)),
  );
  return (
    <SpaceBetween size="s">
      <div>{t('subnet.deleteText', { names: subnets.map(subnetWords).join(', ') })}</div>
      {inTheWay.length > 0 && (
        <Alert type="error" header={t('inTheWay')}>
          <Names names={inTheWay.map(words)} />
        </Alert>
      )}
    </SpaceBetween>
  );
}
