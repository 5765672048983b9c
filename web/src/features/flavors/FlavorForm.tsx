import ColumnLayout from '@cloudscape-design/components/column-layout';
import { useRef } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Flavor } from '~/api/compute';
import { useProjects } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, TextField } from '~/ui/fields';
import { createFlavor, setAccess } from './mutations';
import { atLeastNone, atLeastOne, descriptionRule, idRule, nameRule } from './rules';

export function FlavorForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('flavors');
  const projects = useProjects();
  // Where only the access was refused, another try must not make the flavor again.
  const made = useRef<Flavor>();
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: '',
      id: '',
      vcpus: '1',
      ram: '512',
      disk: '1',
      ephemeral: '0',
      swap: '0',
      isPublic: true,
      projects: [] as string[],
      description: '',
    },
  });
  const { control } = form;
  const number = { type: 'number', inputMode: 'numeric' } as const;
  return (
    <FormModal
      title={t('create')}
      submitLabel={t('common:create')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async (v) => {
        made.current ??= await createFlavor({
          ...v,
          vcpus: Number(v.vcpus),
          ram: Number(v.ram),
          disk: Number(v.disk),
          ephemeral: Number(v.ephemeral),
          swap: Number(v.swap),
        });
        if (!v.isPublic) await setAccess(made.current.id, [], v.projects);
      }}
    >
      <ColumnLayout columns={2}>
        <TextField control={control} name="name" label={t('common:name')} rule={nameRule} autoFocus />
        <TextField control={control} name="id" label={t('common:id')} rule={idRule} hint={t('idHint')} optional />
        <TextField control={control} name="vcpus" label={t('vcpus')} rule={atLeastOne} {...number} />
        <TextField control={control} name="ram" label={t('ramMiB')} rule={atLeastOne} {...number} />
        <TextField
          control={control}
          name="disk"
          label={t('diskGiB')}
          rule={atLeastNone}
          hint={t('diskHint')}
          {...number}
        />
        <TextField
          control={control}
          name="ephemeral"
          label={t('ephemeralGiB')}
          rule={atLeastNone}
          hint={t('ephemeralHint')}
          {...number}
        />
        <TextField control={control} name="swap" label={t('swapMiB')} rule={atLeastNone} {...number} />
      </ColumnLayout>
      <TextField control={control} name="description" label={t('common:description')} rule={descriptionRule} optional />
      <CheckField control={control} name="isPublic" label={t('public')} description={t('publicText')} />
      {!form.watch('isPublic') && (
        <MultiField
          control={control}
          name="projects"
          label={t('access.projects')}
          description={t('access.text')}
          options={(projects.data ?? []).map((p) => ({ value: p.id, label: p.name, description: p.id }))}
          optional
        />
      )}
    </FormModal>
  );
}
