import Alert from '@cloudscape-design/components/alert';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Subnet } from '~/api/network';
import { useSubnetPools } from '~/api/networkSharing';
import { useSession } from '~/app/useSession';
import { CheckField, RadioField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { addressOf, all, lines, maxLength, type Rule, say, wholeNumber } from '~/ui/rules';
import { gatewayOf, hostRoutes, nameservers, poolsOf, subnetRange } from '~/ui/subnetRules';
import { useRecheck } from '~/ui/useRecheck';
import { chooses, overlapping, type SubnetPart } from './subnetForm';

interface Props {
  form: UseFormReturn<SubnetPart>;
  /** Subnets of the same network: no overlap with them is possible. */
  same: Subnet[];
  /** Other subnets of the project: an overlap is allowed, but no router can have both. */
  others: Subnet[];
  /** The subnet that is changed: its range stays. */
  before?: Subnet;
}

const serviceType: Rule = (value) =>
  /^(network|compute|neutron):.+/.test(value) ? maxLength(255)(value) : say('like', { example: 'network:floatingip' });

/** The fields of a subnet, in its own dialog and in that of a new network. */
export function SubnetFields({ form, same, others, before }: Props) {
  const { t } = useTranslation('networks');
  const { control } = form;
  const v = form.watch('subnet');
  const version = v.version === '4' ? 4 : 6;
  useRecheck(
    form,
    ['subnet.cidr', 'subnet.gateway', 'subnet.pools', 'subnet.dns', 'subnet.routes'],
    [v.version, v.source, v.cidr, v.dhcp, v.mode, v.gateway, v.gatewayMode],
  );
  const notSame = (value: string) => {
    const [taken] = overlapping(value, same);
    return taken && t('subnet.overlapsSame', { cidr: taken.cidr, name: nameOf(taken) });
  };
  const { projectId, isAdmin } = useSession();
  const pools = useSubnetPools(projectId).data ?? [];
  const ofVersion = pools.filter((p) => p.ip_version === version);
  const pool = ofVersion.find((p) => p.id === v.pool);
  const cut = !before && v.source === 'pool';
  const beside = before || cut ? [] : overlapping(v.cidr, others);
  const wrong = form.formState.errors.subnet;
  return (
    <SpaceBetween size="m">
      <ColumnLayout columns={2}>
        <TextField control={control} name="subnet.name" label={t('subnet.name')} optional rule={maxLength(255)} />
        {!before && (
          <SelectField
            control={control}
            name="subnet.version"
            label={t('subnet.version')}
            options={[
              { value: '4', label: 'IPv4' },
              { value: '6', label: 'IPv6' },
            ]}
          />
        )}
        {!before && pools.length > 0 && (
          <SelectField
            control={control}
            name="subnet.source"
            label={t('subnet.source')}
            options={[
              { value: 'range', label: t('subnet.sourceRange') },
              { value: 'pool', label: t('subnet.sourcePool') },
            ]}
          />
        )}
        {cut && (
          <SelectField
            control={control}
            name="subnet.pool"
            label={t('subnet.pool')}
            options={ofVersion.map((p) => ({
              value: p.id,
              label: p.is_default ? t('subnet.poolDefault', { name: nameOf(p) }) : nameOf(p),
              description: p.prefixes.join(', '),
            }))}
          />
        )}
        {cut && (
          <TextField
            control={control}
            name="subnet.length"
            label={t('subnet.length')}
            optional
            inputMode="numeric"
            hint={pool && t('subnet.lengthHint', { usual: pool.default_prefixlen })}
            rule={pool && wholeNumber(Number(pool.min_prefixlen), Number(pool.max_prefixlen))}
          />
        )}
        {!before && !cut && (
          <TextField
            control={control}
            name="subnet.cidr"
            label={t('subnet.cidr')}
            placeholder={version === 4 ? '10.0.0.0/24' : 'fd00::/64'}
            rule={all(subnetRange(version, { dhcp: v.dhcp, slaac: chooses(v) }), notSame)}
          />
        )}
        <SelectField
          control={control}
          name="subnet.gatewayMode"
          label={t('subnet.gateway')}
          options={[
            ...(before ? [] : [{ value: 'auto', label: t('subnet.gatewayAuto') }]),
            { value: 'given', label: t('subnet.gatewayGiven') },
            { value: 'none', label: t('subnet.gatewayNone') },
          ]}
        />
        {v.gatewayMode === 'given' && (
          <TextField
            control={control}
            name="subnet.gateway"
            label={t('subnet.gatewayAddress')}
            rule={cut ? addressOf(version) : gatewayOf(v.cidr)}
          />
        )}
      </ColumnLayout>
      {beside.length > 0 && (
        <Alert type="warning">
          {t('subnet.overlaps', { subnets: beside.map((s) => `${nameOf(s)} (${s.cidr})`).join(', ') })}
        </Alert>
      )}
      <CheckField control={control} name="subnet.dhcp" label={t('subnet.dhcp')} description={t('subnet.dhcpHint')} />
      {!before && version === 6 && v.dhcp && (
        <RadioField
          control={control}
          name="subnet.mode"
          label={t('subnet.mode')}
          options={[
            { value: '', label: t('subnet.modeNone'), description: t('subnet.modeNoneHint') },
            { value: 'slaac', label: 'SLAAC', description: t('subnet.modeSlaac') },
            { value: 'dhcpv6-stateful', label: t('subnet.modeStatefulName'), description: t('subnet.modeStateful') },
            { value: 'dhcpv6-stateless', label: t('subnet.modeStatelessName'), description: t('subnet.modeStateless') },
          ]}
        />
      )}
      <ExpandableSection
        headerText={t('subnet.more')}
        defaultExpanded={before !== undefined}
        {...(wrong?.pools || wrong?.dns || wrong?.routes || wrong?.serviceTypes
          ? { expanded: true, onChange: () => undefined }
          : {})}
      >
        <SpaceBetween size="m">
          <TextField
            control={control}
            name="subnet.pools"
            label={t('subnet.pools')}
            rows={2}
            optional
            hint={before ? t('subnet.poolsEditHint') : t('subnet.poolsHint')}
            rule={poolsOf(cut ? '' : v.cidr, v.gatewayMode === 'given' ? v.gateway : '')}
          />
          <TextField
            control={control}
            name="subnet.dns"
            label={t('subnet.dns')}
            rows={2}
            optional
            hint={t('subnet.dnsHint')}
            rule={nameservers(version)}
          />
          <TextField
            control={control}
            name="subnet.routes"
            label={t('subnet.routes')}
            rows={2}
            optional
            hint={t('subnet.routesHint')}
            rule={hostRoutes(version)}
          />
          {isAdmin && (
            <TextField
              control={control}
              name="subnet.serviceTypes"
              label={t('subnet.serviceTypes')}
              rows={2}
              optional
              hint={t('subnet.serviceTypesHint')}
              rule={lines(serviceType)}
            />
          )}
          <TextField
            control={control}
            name="subnet.description"
            label={t('common:description')}
            optional
            rule={maxLength(255)}
          />
        </SpaceBetween>
      </ExpandableSection>
    </SpaceBetween>
  );
}
