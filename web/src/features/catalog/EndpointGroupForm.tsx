import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useRegions } from '~/api/catalog';
import { type EndpointGroup, endpointGroups } from '~/api/endpointGroups';
import { useServices } from '~/api/identity';
import { write } from '~/api/write';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { filtersOf, filterValues } from './endpointGroup';

/** The dialog for a new endpoint group, or for a change of one. */
export function EndpointGroupForm({ before, onClose }: { before?: EndpointGroup; onClose(): void }) {
  const { t } = useTranslation('catalog');
  const services = useServices().data ?? [];
  const regions = useRegions().data ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      ...filterValues(before?.filters),
    },
  });
  const { control } = form;
  return (
    <FormModal
      title={before ? t('editGroup', { name: before.name }) : t('addGroup')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const filters = filtersOf(v);
        if (Object.keys(filters).length === 0) throw new Error(t('noFilter'));
        const endpoint_group = { name: v.name.trim(), description: v.description, filters };
        const [method, path] = before ? (['PATCH', `/${before.id}`] as const) : (['POST', ''] as const);
        await write(['endpoint_group'], 'identity', method, endpointGroups + path, { endpoint_group });
      }}
    >
      <TextField control={control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      <TextField control={control} name="description" label={t('common:description')} optional />
      <SelectField
        control={control}
        name="service"
        label={t('service')}
        description={t('filterText')}
        noneLabel={t('any')}
        options={services.map((s) => ({ value: s.id, label: s.name || s.type, description: s.type }))}
        optional
      />
      <SelectField
        control={control}
        name="region"
        label={t('common:region')}
        noneLabel={t('any')}
        options={regions.map((r) => ({ value: r.id }))}
        optional
      />
      <SelectField
        control={control}
        name="kind"
        label={t('interface')}
        noneLabel={t('any')}
        options={['public', 'internal', 'admin'].map((value) => ({ value, label: t(`interfaces.${value}`) }))}
        optional
      />
    </FormModal>
  );
}
