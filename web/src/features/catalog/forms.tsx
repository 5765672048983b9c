import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Region, useRegions } from '~/api/catalog';
import { pathPart } from '~/api/client';
import { type Endpoint, type Service, useServices } from '~/api/identity';
import { write } from '~/api/write';
import { FormModal } from '~/ui/FormModal';
import { CheckField, SelectField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';

export function EndpointForm({ before, onClose }: { before?: Endpoint; onClose(): void }) {
  const { t } = useTranslation('catalog');
  const services = useServices().data ?? [];
  const regions = useRegions().data ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      service: before?.service_id ?? '',
      kind: before?.interface ?? 'public',
      region: before?.region_id ?? '',
      url: before?.url ?? '',
      enabled: before?.enabled ?? true,
    },
  });
  return (
    <FormModal
      title={before ? t('editEndpoint') : t('addEndpoint')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const endpoint = {
          service_id: v.service,
          interface: v.kind,
          region_id: v.region || null,
          url: v.url.trim(),
          enabled: v.enabled,
        };
        if (before) await write(['endpoint'], 'identity', 'PATCH', `/endpoints/${before.id}`, { endpoint });
        else await write(['endpoint'], 'identity', 'POST', '/endpoints', { endpoint });
      }}
    >
      <SelectField
        control={form.control}
        name="service"
        label={t('service')}
        options={services.map((s) => ({ value: s.id, label: s.name || s.type, description: s.type }))}
      />
      <SelectField
        control={form.control}
        name="kind"
        label={t('interface')}
        options={['public', 'internal', 'admin'].map((value) => ({ value, label: t(`interfaces.${value}`) }))}
      />
      <SelectField
        control={form.control}
        name="region"
        label={t('common:region')}
        options={regions.map((r) => ({ value: r.id }))}
        optional
      />
      <TextField control={form.control} name="url" label={t('url')} placeholder="https://" />
      <CheckField control={form.control} name="enabled" label={t('common:enabled')} description={t('enabledText')} />
    </FormModal>
  );
}

export function ServiceForm({ before, onClose }: { before?: Service; onClose(): void }) {
  const { t } = useTranslation('catalog');
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      type: before?.type ?? '',
      description: before?.description ?? '',
      enabled: before?.enabled ?? true,
    },
  });
  return (
    <FormModal
      title={before ? t('editService', { name: before.name }) : t('addService')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ name, type, description, enabled }) => {
        const service = { name: name.trim(), type: type.trim(), description, enabled };
        if (before) await write(['service'], 'identity', 'PATCH', `/services/${before.id}`, { service });
        else await write(['service'], 'identity', 'POST', '/services', { service });
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      <TextField control={form.control} name="type" label={t('type')} hint={t('typeHint')} rule={maxLength(255)} />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
      <CheckField control={form.control} name="enabled" label={t('common:enabled')} description={t('enabledText')} />
    </FormModal>
  );
}

export function RegionForm({ before, onClose }: { before?: Region; onClose(): void }) {
  const { t } = useTranslation('catalog');
  const regions = useRegions().data ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      id: before?.id ?? '',
      description: before?.description ?? '',
      parent: before?.parent_region_id ?? '',
    },
  });
  return (
    <FormModal
      title={before ? t('editRegion', { name: before.id }) : t('addRegion')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ id, description, parent }) => {
        const region = { description, parent_region_id: parent || null };
        if (before) await write(['region'], 'identity', 'PATCH', `/regions/${pathPart(before.id)}`, { region });
        else await write(['region'], 'identity', 'POST', '/regions', { region: { ...region, id: id.trim() } });
      }}
    >
      {!before && (
        <TextField control={form.control} name="id" label={t('common:name')} autoFocus rule={maxLength(255)} />
      )}
      <SelectField
        control={form.control}
        name="parent"
        label={t('parent')}
        options={regions.filter((r) => r.id !== before?.id).map((r) => ({ value: r.id }))}
        optional
      />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
    </FormModal>
  );
}
