import Button from '@cloudscape-design/components/button';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type UseFormReturn, useFieldArray, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Network, type Port, type Subnet, useSubnets } from '~/api/network';
import { useUsableSecurityGroups } from '~/api/networkSharing';
import { create, update } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { PolicyField } from '~/features/qos/PolicyField';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, RadioField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { all, address as anAddress, dnsLabel, inside, mac, maxLength } from '~/ui/rules';
import { addressPairs } from '~/ui/subnetRules';
import { createFields, newPort, type PortValues, portValuesOf, updateFields, vnicTypes } from './portForm';

interface Props {
  network: Network;
  before?: Port;
  onClose(): void;
}

/** The dialog for a new port of a network, or for a change of one. */
export function PortForm({ network, before, onClose }: Props) {
  const { t } = useTranslation('networks');
  const { projectId, isAdmin } = useSession();
  const form = useForm<PortValues>({
    mode: 'onChange',
    defaultValues: before ? portValuesOf(before) : newPort(network),
  });
  const { control } = form;
  // The API leaves these to the owner of the network, so that nobody takes another's address on a shared one.
  const owner = isAdmin || network.project_id === projectId;
  const served = before?.device_owner.startsWith('network:') ?? false;
  const groups = useUsableSecurityGroups(before?.project_id || projectId).data ?? [];
  const submit = async (values: PortValues) => {
    if (before) await update('port', before.id, updateFields(values, before));
    else await create<Port>('port', createFields(values, network));
    notify.success(t(before ? 'port.changed' : 'port.created', { name: values.name || t('unnamed') }));
  };
  const secure = form.watch('portSecurity');
  return (
    <FormModal
      title={before ? t('port.editTitle', { name: nameOf(before) }) : t('port.addTitle', { name: nameOf(network) })}
      submitLabel={before ? t('common:save') : t('port.add')}
      form={form}
      onSubmit={submit}
      onClose={onClose}
      size="large"
    >
      <TextField control={control} name="name" label={t('common:name')} optional autoFocus rule={maxLength(255)} />
      <CheckField control={control} name="adminUp" label={t('adminUp')} description={t('port.adminUpHint')} />
      {!served && <Addresses form={form} network={network} before={before} owner={owner} />}
      {!served && owner && (
        <CheckField
          control={control}
          name="portSecurity"
          label={t('portSecurity')}
          description={t('port.securityHint')}
        />
      )}
      {!served && secure && (
        <MultiField
          control={control}
          name="groups"
          label={t('port.groups')}
          description={before ? undefined : t('port.groupsHint')}
          options={groups.map((g) => ({ value: g.id, label: nameOf(g), description: g.description }))}
        />
      )}
      <ExpandableSection
        headerText={t('more')}
        {...(Object.keys(form.formState.errors).some((k) => ['pairs', 'options', 'mac', 'dns'].includes(k))
          ? { expanded: true, onChange: () => undefined }
          : {})}
      >
        <SpaceBetween size="m">
          {!served && owner && secure && (
            <TextField
              control={control}
              name="pairs"
              label={t('port.pairs')}
              description={t('port.pairsHint')}
              rows={2}
              optional
              rule={addressPairs}
            />
          )}
          <ColumnLayout columns={2}>
            {!served && owner && (
              <TextField
                control={control}
                name="mac"
                label={t('port.mac')}
                optional={!before}
                hint={before ? t('port.macBound') : undefined}
                rule={mac}
              />
            )}
            <TextField control={control} name="dns" label={t('port.dnsName')} optional rule={dnsLabel} />
          </ColumnLayout>
          {!served && isAdmin && (
            <ColumnLayout columns={2}>
              <TextField
                control={control}
                name="host"
                label={t('port.host')}
                hint={t('port.hostHint')}
                optional
                rule={maxLength(255)}
              />
              <SelectField
                control={control}
                name="vnic"
                label={t('port.vnicType')}
                options={[...new Set([...vnicTypes, form.getValues('vnic')])].map((value) => ({ value }))}
              />
            </ColumnLayout>
          )}
          <PolicyField control={control} name="qos" />
          <TextField
            control={control}
            name="options"
            label={t('port.options')}
            description={t('port.optionsHint')}
            rows={2}
            optional
          />
          <TextField
            control={control}
            name="description"
            label={t('common:description')}
            optional
            rule={maxLength(255)}
          />
        </SpaceBetween>
      </ExpandableSection>
    </FormModal>
  );
}

function Addresses({
  form,
  network,
  before,
  owner,
}: {
  form: UseFormReturn<PortValues>;
  network: Network;
  before?: Port;
  owner: boolean;
}) {
  const { t } = useTranslation('networks');
  const subnets = (useSubnets().data ?? []).filter((s: Subnet) => s.network_id === network.id);
  const { fields, append, remove } = useFieldArray({ control: form.control, name: 'fixed' });
  const rows = form.watch('fixed');
  const given = form.watch('addressing') === 'given';
  return (
    <SpaceBetween size="s">
      <RadioField
        control={form.control}
        name="addressing"
        label={t('port.addresses')}
        options={[
          ...(before ? [] : [{ value: 'auto', label: t('port.auto') }]),
          { value: 'given', label: t('port.given') },
          { value: 'none', label: t('port.none') },
        ]}
      />
      {given &&
        fields.map((field, i) => (
          <ColumnLayout key={field.id} columns={3}>
            <SelectField
              control={form.control}
              name={`fixed.${i}.subnet`}
              label={t('port.subnet')}
              options={subnets.map((s) => ({ value: s.id, label: s.cidr, description: s.name }))}
            />
            {owner ? (
              <TextField
                control={form.control}
                name={`fixed.${i}.address`}
                label={t('port.address')}
                optional
                rule={all(anAddress, inside(subnets.find((s) => s.id === rows[i]?.subnet)?.cidr ?? ''))}
              />
            ) : (
              <div />
            )}
            <Button
              iconName="remove"
              ariaLabel={t('port.removeAddress', { n: i + 1 })}
              disabled={fields.length === 1}
              formAction="none"
              onClick={() => remove(i)}
            />
          </ColumnLayout>
        ))}
      {given && (
        <Button formAction="none" iconName="add-plus" onClick={() => append({ subnet: '', address: '' })}>
          {t('port.addAddress')}
        </Button>
      )}
    </SpaceBetween>
  );
}
