import Box from '@cloudscape-design/components/box';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type UseFormReturn, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Network, useAgents, useNetworkZones, useSubnets } from '~/api/network';
import { update } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { PolicyField } from '~/features/qos/PolicyField';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { dnsDomain, maxLength, wholeNumber } from '~/ui/rules';
import { createNetwork } from './mutations';
import { type NetworkValues, networkFields, networkValuesOf, newNetwork, offered, provider } from './networkForm';
import { SubnetFields } from './SubnetFields';
import { changed, type SubnetPart } from './subnetForm';

/** The dialog for a new network with its first subnet, or for a change of a network. */
export function NetworkForm({ before, onClose }: { before?: Network; onClose(): void }) {
  const { t } = useTranslation('networks');
  const { isAdmin, projectId } = useSession();
  const subnets = useSubnets().data ?? [];
  const zones = useNetworkZones('network').data ?? [];
  const form = useForm<NetworkValues>({
    mode: 'onChange',
    defaultValues: before ? networkValuesOf(before) : newNetwork,
  });
  const { control } = form;
  const submit = async (values: NetworkValues) => {
    const fields = networkFields(values, { admin: isAdmin, before });
    if (before) await update('network', before.id, changed(fields, before as unknown as Record<string, unknown>));
    else await createNetwork(fields, values.withSubnet ? values.subnet : undefined);
    notify.success(t(before ? 'changed' : 'created', { name: values.name || t('unnamed') }));
  };
  const wrong = form.formState.errors;
  return (
    <FormModal
      title={before ? t('editTitle', { name: nameOf(before) }) : t('createTitle')}
      submitLabel={before ? t('common:save') : t('create')}
      form={form}
      onSubmit={submit}
      onClose={onClose}
      size="large"
    >
      <TextField control={control} name="name" label={t('common:name')} optional autoFocus rule={maxLength(255)} />
      <CheckField control={control} name="adminUp" label={t('adminUp')} description={t('adminUpHint')} />
      {isAdmin && <AdminFields form={form} creating={!before} />}
      <ExpandableSection
        headerText={t('more')}
        defaultExpanded={before !== undefined}
        {...(wrong.mtu || wrong.domain || wrong.description ? { expanded: true, onChange: () => undefined } : {})}
      >
        <SpaceBetween size="m">
          <TextField
            control={control}
            name="description"
            label={t('common:description')}
            optional
            rule={maxLength(255)}
          />
          <CheckField
            control={control}
            name="portSecurity"
            label={t('portSecurity')}
            description={t('portSecurityHint')}
          />
          <ColumnLayout columns={2}>
            <TextField
              control={control}
              name="mtu"
              label="MTU"
              optional={!before}
              inputMode="numeric"
              hint={before ? undefined : t('mtuHint')}
              rule={wholeNumber(68, 65_535)}
            />
            <TextField
              control={control}
              name="domain"
              label={t('dnsDomain')}
              optional
              placeholder="example.org."
              rule={dnsDomain}
            />
          </ColumnLayout>
          <PolicyField control={control} name="qos" />
          {!before && zones.length > 0 && (
            <MultiField
              control={control}
              name="zones"
              label={t('zoneHints')}
              description={t('zoneHintsText')}
              options={zones.map((value) => ({ value }))}
              optional
            />
          )}
        </SpaceBetween>
      </ExpandableSection>
      {!before && (
        <SpaceBetween size="m">
          <Box variant="h3">{t('firstSubnet')}</Box>
          <CheckField control={control} name="withSubnet" label={t('withSubnet')} description={t('withSubnetHint')} />
          {form.watch('withSubnet') && (
            <SubnetFields
              // The fields of the subnet are a part of this form, which the types of forms cannot say.
              form={form as unknown as UseFormReturn<SubnetPart>}
              same={[]}
              others={subnets.filter((s) => s.project_id === projectId)}
            />
          )}
        </SpaceBetween>
      )}
    </FormModal>
  );
}

/** What administrators alone may set. */
function AdminFields({ form, creating }: { form: UseFormReturn<NetworkValues>; creating: boolean }) {
  const { t } = useTranslation('networks');
  const { control } = form;
  const { physical, types } = offered(useAgents().data ?? []);
  const type = form.watch('type');
  const has = provider(type);
  return (
    <SpaceBetween size="m">
      <ColumnLayout columns={2}>
        <CheckField control={control} name="shared" label={t('shared')} description={t('sharedHint')} />
        <SpaceBetween size="xs">
          <CheckField control={control} name="external" label={t('external')} description={t('externalHint')} />
          {form.watch('external') && (
            <CheckField control={control} name="isDefault" label={t('isDefault')} description={t('isDefaultHint')} />
          )}
        </SpaceBetween>
      </ColumnLayout>
      {creating && (
        <ColumnLayout columns={3}>
          <SelectField
            control={control}
            name="type"
            label={t('type')}
            optional
            hint={t('typeHint')}
            options={types.map((value) => ({ value, label: t(`types.${value}`) }))}
          />
          {has.physical && (
            <SelectField
              control={control}
              name="physical"
              label={t('physical')}
              options={physical.map((value) => ({ value }))}
            />
          )}
          {has.segment && (
            <TextField
              control={control}
              name="segment"
              label={type === 'vlan' ? t('vlan') : t('segment')}
              optional
              inputMode="numeric"
              hint={t('segmentHint')}
              rule={wholeNumber(...has.segment)}
            />
          )}
        </ColumnLayout>
      )}
    </SpaceBetween>
  );
}
