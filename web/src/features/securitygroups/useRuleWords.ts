import { useTranslation } from 'react-i18next';
import type { SecurityGroup } from '~/api/network';
import type { AddressGroup } from '~/api/networkSharing';
import { nameOf } from '~/ui/format';
import { portKind, protocols, type RuleSpec, templateOf } from './rules';

interface RuleWords {
  protocol(rule: RuleSpec): string;
  ports(rule: RuleSpec): string;
  remote(rule: RuleSpec): string;
  /** The whole rule in one line. */
  line(rule: RuleSpec): string;
}

/** useRuleWords puts rules into words, with the names of the groups that they speak of. */
export function useRuleWords(groups: SecurityGroup[], addresses: AddressGroup[] = []): RuleWords {
  const { t } = useTranslation('securitygroups');
  const protocol = (r: RuleSpec) => {
    if (!r.protocol) return t('any');
    const named = Object.entries(protocols).find(([, n]) => String(n) === r.protocol)?.[0] ?? r.protocol;
    return /^\d+$/.test(named) ? t('protocolNumber', { number: named }) : named.toUpperCase();
  };
  const ports = (r: RuleSpec) => {
    const [min, max] = [r.port_range_min, r.port_range_max];
    const kind = portKind(r.protocol);
    const template = templateOf(r);
    const known = template?.port === undefined ? '' : ` (${t(`templates.${template.id}`)})`;
    if (kind === 'icmp' && min !== null) return t(max === null ? 'icmpType' : 'icmpTypeCode', { type: min, code: max });
    if (min === null) return t('any');
    return min === max ? `${min}${known}` : `${min}–${max}`;
  };
  const remote = (r: RuleSpec) => {
    if (r.remote_group_id) {
      const group = groups.find((g) => g.id === r.remote_group_id);
      return t('groupNamed', { name: group ? nameOf(group) : r.remote_group_id });
    }
    if (r.remote_address_group_id) {
      const group = addresses.find((g) => g.id === r.remote_address_group_id);
      return t('addressesNamed', { name: group ? nameOf(group) : r.remote_address_group_id });
    }
    return r.remote_ip_prefix ?? (r.ethertype === 'IPv4' ? '0.0.0.0/0' : '::/0');
  };
  return {
    protocol,
    ports,
    remote,
    line: (r) =>
      t(r.direction === 'ingress' ? 'lineIn' : 'lineOut', {
        what: portKind(r.protocol) === 'none' ? protocol(r) : `${protocol(r)} ${ports(r)}`,
        version: r.ethertype,
        remote: remote(r),
      }),
  };
}
