import type { Control, FieldPathByValue, FieldValues } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { TextField } from '~/ui/fields';
import { maxLength } from '~/ui/rules';

interface Props<T extends FieldValues> {
  control: Control<T>;
  name: FieldPathByValue<T, string>;
  server: Server;
}

/** takesPassword tells whether a guest can learn of a password: it reads it from its config drive. */
export const takesPassword = (server: Pick<Server, 'config_drive'>): boolean => server.config_drive === 'True';

/** The password that a guest is to take; nothing where it could not learn of it. */
export function AdminPasswordField<T extends FieldValues>({ control, name, server }: Props<T>) {
  const { t } = useTranslation('instances');
  if (!takesPassword(server)) return null;
  return (
    <TextField
      control={control}
      name={name}
      label={t('adminPassword.label')}
      description={t('adminPassword.text')}
      type="password"
      autoComplete="new-password"
      rule={maxLength(255)}
      optional
    />
  );
}
