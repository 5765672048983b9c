import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type UseFormReturn, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { SecurityGroup } from '~/api/network';
import type { AddressGroup } from '~/api/networkSharing';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, RadioField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { maxLength, wholeNumber } from '~/ui/rules';
import { useRecheck } from '~/ui/useRecheck';
import { addRules } from './mutations';
import {
  meaning,
  newRules,
  opensAll,
  portKind,
  portsOf,
  protocols,
  type RuleSpec,
  type RuleValues,
  remoteRanges,
  rulesOf,
  templates,
} from './rules';
import { useRuleWords } from './useRuleWords';

interface Props {
  group: SecurityGroup;
  /** Groups that a rule may speak of. */
  groups: SecurityGroup[];
  /** Address groups that a rule may speak of. */
  addresses: AddressGroup[];
  onClose(): void;
}

/** The dialog that adds rules: some kinds of traffic at once, each from all the places that are given. */
export function RulesForm({ group, groups, addresses, onClose }: Props) {
  const { t } = useTranslation('securitygroups');
  const form = useForm<RuleValues>({ mode: 'onChange', defaultValues: newRules });
  const { control } = form;
  const v = form.watch();
  const words = useRuleWords(groups, addresses);
  const there = new Set(group.security_group_rules.map(meaning));
  // Ranges that are being typed are no ranges yet.
  const meant = remoteRanges(v.ranges) && v.remote === 'ranges' ? [] : rulesOf(v);
  const fresh = meant.filter((rule) => !there.has(meaning(rule)));
  const submit = async (values: RuleValues) => {
    const all = rulesOf(values);
    if (all.length === 0) throw new Error(t('nothing'));
    const added = all.filter((rule) => !there.has(meaning(rule)));
    // When all are there, the API shall say so.
    await addRules(group, added.length > 0 ? added : all, values.description, (rule) =>
      rule ? t('exists', { rule: words.line(rule) }) : t('existsSome'),
    );
    notify.success(t('rulesAdded', { count: added.length, name: nameOf(group) }));
  };
  return (
    <FormModal
      title={t('addRulesTitle', { name: nameOf(group) })}
      submitLabel={t('addRules')}
      form={form}
      onSubmit={submit}
      onClose={onClose}
      size="large"
    >
      <RadioField
        control={control}
        name="direction"
        label={t('direction')}
        options={[
          { value: 'ingress', label: t('ingress'), description: t('ingressHint') },
          { value: 'egress', label: t('egress'), description: t('egressHint') },
        ]}
      />
      <MultiField
        control={control}
        name="templates"
        label={t('traffic')}
        description={t('trafficHint')}
        optional={v.custom}
        min={v.custom ? 0 : 1}
        options={templates.map((template) => ({
          value: template.id,
          label: t(`templates.${template.id}`),
          description: template.port ? `${template.protocol?.toUpperCase()} ${template.port}` : undefined,
        }))}
      />
      <CheckField control={control} name="custom" label={t('custom')} description={t('customHint')} />
      {v.custom && <CustomFields form={form} />}
      <Remote form={form} group={group} groups={groups} addresses={addresses} />
      <TextField control={control} name="description" label={t('common:description')} optional rule={maxLength(255)} />
      <Preview rules={meant} fresh={fresh} line={words.line} />
    </FormModal>
  );
}

function CustomFields({ form }: { form: UseFormReturn<RuleValues> }) {
  const { t } = useTranslation('securitygroups');
  const [protocol, typed] = form.watch(['protocol', 'protocolNumber']);
  const kind = portKind(protocol === 'number' ? typed : protocol);
  useRecheck(form, ['ports'], [kind]);
  return (
    <ColumnLayout columns={3}>
      <SelectField
        control={form.control}
        name="protocol"
        label={t('protocol')}
        options={[
          ...['tcp', 'udp', 'icmp'].map((name) => ({ value: name, label: name.toUpperCase() })),
          { value: 'any', label: t('any') },
          { value: 'number', label: t('byNumber') },
          ...Object.entries(protocols)
            .filter(([name]) => !['tcp', 'udp', 'icmp'].includes(name))
            .map(([name, number]) => ({ value: name, label: `${name.toUpperCase()} (${number})` })),
        ]}
      />
      {protocol === 'number' && (
        <TextField
          control={form.control}
          name="protocolNumber"
          label={t('number')}
          inputMode="numeric"
          rule={wholeNumber(0, 255)}
        />
      )}
      {kind !== 'none' && (
        <TextField
          control={form.control}
          name="ports"
          label={t(kind === 'icmp' ? 'icmp' : 'portRange')}
          optional
          hint={t(kind === 'icmp' ? 'icmpHint' : 'portsHint')}
          rule={portsOf(kind)}
        />
      )}
    </ColumnLayout>
  );
}

const versions = [{ value: 'IPv4' }, { value: 'IPv6' }];

function Remote({
  form,
  group,
  groups,
  addresses,
}: { form: UseFormReturn<RuleValues> } & Pick<Props, 'group' | 'groups' | 'addresses'>) {
  const { t } = useTranslation('securitygroups');
  const [remote, direction] = form.watch(['remote', 'direction']);
  return (
    <SpaceBetween size="m">
      <RadioField
        control={form.control}
        name="remote"
        label={t(direction === 'ingress' ? 'from' : 'to')}
        options={[
          { value: 'anywhere', label: t('anywhere') },
          { value: 'ranges', label: t('ranges') },
          { value: 'group', label: t('inGroup'), description: t('inGroupHint') },
          ...(addresses.length > 0
            ? [{ value: 'addresses', label: t('inAddresses'), description: t('inAddressesHint') }]
            : []),
        ]}
      />
      {remote === 'anywhere' && (
        <MultiField control={form.control} name="anywhere" label={t('ethertype')} options={versions} min={1} />
      )}
      {remote === 'ranges' && (
        <TextField
          control={form.control}
          name="ranges"
          label={t('rangesLabel')}
          rows={3}
          hint={t('rangesHint')}
          rule={remoteRanges}
        />
      )}
      {remote === 'addresses' && (
        <ColumnLayout columns={2}>
          <SelectField
            control={form.control}
            name="addresses"
            label={t('addressGroup')}
            options={addresses.map((g) => ({
              value: g.id,
              label: nameOf(g),
              description: g.addresses.join(', '),
            }))}
          />
          <MultiField control={form.control} name="ethertypes" label={t('ethertype')} options={versions} min={1} />
        </ColumnLayout>
      )}
      {remote === 'group' && (
        <ColumnLayout columns={2}>
          <SelectField
            control={form.control}
            name="group"
            label={t('group')}
            options={groups.map((g) => ({
              value: g.id,
              label: nameOf(g),
              description: g.id === group.id ? t('itself') : g.description || undefined,
            }))}
          />
          <MultiField control={form.control} name="ethertypes" label={t('ethertype')} options={versions} min={1} />
        </ColumnLayout>
      )}
    </SpaceBetween>
  );
}

/** What will be added, what is there already, and what should be thought over. */
function Preview({ rules, fresh, line }: { rules: RuleSpec[]; fresh: RuleSpec[]; line(rule: RuleSpec): string }) {
  const { t } = useTranslation('securitygroups');
  if (rules.length === 0) return null;
  return (
    <SpaceBetween size="s">
      {rules.some(opensAll) && (
        <Alert type="warning" header={t('openHeader')}>
          {t('openText')}
        </Alert>
      )}
      <div>
        <Box variant="awsui-key-label">{t('willAdd', { count: fresh.length })}</Box>
        <ul>
          {rules.map((rule) => (
            <li key={meaning(rule)}>
              {line(rule)}
              {!fresh.includes(rule) && ` – ${t('thereAlready')}`}
            </li>
          ))}
        </ul>
      </div>
    </SpaceBetween>
  );
}
