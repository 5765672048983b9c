import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useUsers } from '~/api/identity';
import { write } from '~/api/write';
import { useSession } from '~/app/useSession';
import { ExpiryField } from '~/features/credentials/ExpiryField';
import { expiryOf } from '~/features/credentials/expiry';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, RadioField, SelectField, TextField } from '~/ui/fields';
import { wholeNumber } from '~/ui/rules';
import { trustFields } from './trustForm';

const monthAhead = (): string => new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);

/** The dialog that lets somebody else act with some of one's roles in the project that is open. */
export function TrustForm({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('trusts');
  const { body, isAdmin, projectId } = useSession();
  const users = useUsers(isAdmin);
  const roles = body.roles ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      trustee: '',
      roles: [] as string[],
      impersonation: true,
      ends: 'at',
      expiry: { date: monthAhead(), time: '12:00' },
      uses: '',
      passed: '',
    },
  });
  const [ends, passed] = form.watch(['ends', 'passed']);
  return (
    <FormModal
      title={t('createTitle', { project: body.project?.name })}
      submitLabel={t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const at = v.ends === 'at' ? expiryOf(v.expiry) : undefined;
        const trust = trustFields(v, { user: body.user.id, project: projectId }, at);
        await write(['trust'], 'identity', 'POST', '/OS-TRUST/trusts', { trust });
      }}
    >
      {isAdmin ? (
        <SelectField
          control={form.control}
          name="trustee"
          label={t('trustee')}
          options={(users.data ?? [])
            .filter((u) => u.id !== body.user.id)
            .map((u) => ({ value: u.id, label: u.name, description: u.id }))}
        />
      ) : (
        <TextField control={form.control} name="trustee" label={t('trusteeId')} hint={t('trusteeIdHint')} autoFocus />
      )}
      <MultiField
        control={form.control}
        name="roles"
        label={t('roles')}
        description={t('rolesText')}
        options={roles.map((r) => ({ value: r.id, label: r.name }))}
        min={1}
      />
      <RadioField
        control={form.control}
        name="ends"
        label={t('ends')}
        options={[
          { value: 'at', label: t('endsAt') },
          { value: 'never', label: t('endsNever') },
        ]}
      />
      {ends === 'at' && <ExpiryField control={form.control} name="expiry" />}
      <CheckField
        control={form.control}
        name="impersonation"
        label={t('impersonation')}
        description={t('impersonationText')}
      />
      <TextField
        control={form.control}
        name="passed"
        label={t('passed')}
        hint={t('passedHint')}
        inputMode="numeric"
        optional
        rule={wholeNumber(1, 3)}
      />
      {!passed && (
        <TextField
          control={form.control}
          name="uses"
          label={t('uses')}
          hint={t('usesHint')}
          inputMode="numeric"
          optional
          rule={wholeNumber(1)}
        />
      )}
    </FormModal>
  );
}
