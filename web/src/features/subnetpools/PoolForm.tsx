import ColumnLayout from '@cloudscape-design/components/column-layout';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type SubnetPool, useAddressScopes } from '~/api/networkSharing';
import { create, update } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { maxLength, wholeNumber } from '~/ui/rules';
import { useRecheck } from '~/ui/useRecheck';
import {
  between,
  lengthOf,
  newPool,
  type PoolValues,
  poolFields,
  poolValuesOf,
  prefixList,
  versionOf,
} from './poolForm';

/** The dialog for a new subnet pool, or for a change of one. */
export function PoolForm({ before, onClose }: { before?: SubnetPool; onClose(): void }) {
  const { t } = useTranslation('subnetpools');
  const { isAdmin, projectId } = useSession();
  const form = useForm<PoolValues>({ mode: 'onChange', defaultValues: before ? poolValuesOf(before) : newPool });
  const { control } = form;
  const v = form.watch();
  const version = before?.ip_version ?? versionOf(v.prefixes) ?? 4;
  const scopes = (useAddressScopes(before?.project_id ?? projectId).data ?? []).filter((s) => s.ip_version === version);
  useRecheck(form, ['shortest', 'usual', 'longest'], [version, v.shortest, v.longest]);
  return (
    <FormModal
      title={before ? t('editTitle', { name: nameOf(before) }) : t('create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onSubmit={async (values) => {
        const fields = poolFields(values, { admin: isAdmin, before });
        if (before) await update('subnetpool', before.id, fields);
        else await create<SubnetPool>('subnetpool', fields);
        notify.success(t(before ? 'changed' : 'created', { name: values.name.trim() }));
      }}
      onClose={onClose}
      size="large"
    >
      <TextField control={control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      {!before && (
        <TextField
          control={control}
          name="prefixes"
          label={t('prefixes')}
          description={t('prefixesText')}
          rows={3}
          rule={prefixList()}
        />
      )}
      <ColumnLayout columns={3}>
        <TextField
          control={control}
          name="usual"
          label={t('usual')}
          hint={t('usualHint')}
          inputMode="numeric"
          optional={!before}
          rule={between(version, v.shortest, v.longest)}
        />
        <TextField
          control={control}
          name="shortest"
          label={t('shortest')}
          hint={t('shortestHint')}
          inputMode="numeric"
          optional={!before}
          rule={lengthOf(version)}
        />
        <TextField
          control={control}
          name="longest"
          label={t('longest')}
          hint={t('longestHint')}
          inputMode="numeric"
          optional={!before}
          rule={lengthOf(version)}
        />
      </ColumnLayout>
      <TextField
        control={control}
        name="quota"
        label={t('quota')}
        hint={t(version === 4 ? 'quota4' : 'quota6')}
        inputMode="numeric"
        optional
        rule={wholeNumber(0)}
      />
      <SelectField
        control={control}
        name="scope"
        label={t('scope')}
        description={t('scopeText')}
        options={scopes.map((s) => ({ value: s.id, label: nameOf(s) }))}
        optional
      />
      {isAdmin && (
        <ColumnLayout columns={2}>
          {!before && <CheckField control={control} name="shared" label={t('shared')} description={t('sharedText')} />}
          <CheckField control={control} name="isDefault" label={t('isDefault')} description={t('isDefaultText')} />
        </ColumnLayout>
      )}
      <TextField control={control} name="description" label={t('common:description')} optional rule={maxLength(255)} />
    </FormModal>
  );
}
