import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { User } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { notify } from '~/ui/notify';
import { PasswordFields } from '~/ui/PasswordFields';
import { updateUser } from './mutations';

/** A new password for another user. */
export function PasswordForm({ user, onClose }: { user: User; onClose(): void }) {
  const { t } = useTranslation('identity');
  const form = useForm({ mode: 'onChange', defaultValues: { password: '', repeated: '' } });
  return (
    <FormModal
      title={t('user.passwordTitle', { name: user.name })}
      submitLabel={t('user.setPassword')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ password }) => {
        await updateUser(user.id, { password });
        notify.success(t('user.passwordSet', { name: user.name }));
      }}
    >
      <Alert type="info">{t('user.passwordText')}</Alert>
      <PasswordFields form={form} />
    </FormModal>
  );
}
