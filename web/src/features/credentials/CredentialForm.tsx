import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, RadioField, TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';
import { accessRules, parseRules } from './accessRules';
import { ExpiryField } from './ExpiryField';
import { expiryOf, expiryText } from './expiry';
import { createCredential } from './mutations';
import type { Made } from './SecretDialog';

const dayAhead = (days: number): string => {
  const at = new Date(Date.now() + days * 86_400_000);
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((n) => String(n).padStart(2, '0')).join('-');
};

export function CredentialForm({ onClose, onCreated }: { onClose(): void; onCreated(made: Made): void }) {
  const { t } = useTranslation('credentials');
  const { body } = useSession();
  const roles = body.roles ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      name: '',
      description: '',
      ends: 'never',
      expiry: { date: dayAhead(90), time: '12:00' },
      roles: roles.map((r) => r.id),
      unrestricted: false,
      secret: '',
      rules: '',
    },
  });
  const [ends, unrestricted] = form.watch(['ends', 'unrestricted']);
  return (
    <FormModal
      title={t('createTitle', { project: body.project?.name })}
      submitLabel={t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (values) => {
        const at = values.ends === 'at' ? expiryOf(values.expiry) : undefined;
        const made = await createCredential(body.user.id, {
          name: values.name.trim(),
          ...(values.description && { description: values.description }),
          ...(at && { expires_at: expiryText(at) }),
          roles: values.roles.map((id) => ({ id })),
          unrestricted: values.unrestricted,
          ...(values.rules.trim() && { access_rules: parseRules(values.rules) }),
          ...(values.secret && { secret: values.secret }),
        });
        onCreated({ id: made.id, name: made.name, secret: made.secret });
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={maxLength(255)} autoFocus />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
      <RadioField
        control={form.control}
        name="ends"
        label={t('expires')}
        options={[
          { value: 'never', label: t('never') },
          { value: 'at', label: t('atTime') },
        ]}
      />
      {ends === 'at' && <ExpiryField control={form.control} name="expiry" />}
      <MultiField
        control={form.control}
        name="roles"
        label={t('roles')}
        description={t('rolesText')}
        options={roles.map((r) => ({ value: r.id, label: r.name }))}
        min={1}
      />
      <TextField
        control={form.control}
        name="rules"
        label={t('rules')}
        description={t('rulesHint')}
        rows={3}
        optional
        rule={accessRules}
      />
      <TextField
        control={form.control}
        name="secret"
        label={t('secret')}
        description={t('secretText')}
        type="password"
        autoComplete="new-password"
        optional
      />
      <CheckField
        control={form.control}
        name="unrestricted"
        label={t('unrestrictedLabel')}
        description={t('unrestrictedText')}
      />
      {unrestricted && <Alert type="warning">{t('unrestrictedWarning')}</Alert>}
    </FormModal>
  );
}
