import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Server, useKeyPairs } from '~/api/compute';
import { useImages } from '~/api/image';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { UserDataField } from '../launch/UserDataField';
import { bytesOf, maxBytes } from '../launch/userData';
import { rebuildServer } from '../mutations';
import { nameRule } from '../rules';
import { AdminPasswordField, takesPassword } from './AdminPasswordField';
import { imageOptions } from './images';
import { showPassword } from './passwordNotice';
import { type RebuildValues, requestOf } from './rebuild';

/** Makes the disks of a server anew. */
export function RebuildForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const { isAdmin, body } = useSession();
  const images = useImages();
  const keys = useKeyPairs();
  const own = server.user_id === body.user.id; // key pairs belong to users, and the owner's are asked first
  const form = useForm<RebuildValues>({
    mode: 'onChange',
    defaultValues: {
      image: server.image === '' ? '' : server.image.id,
      name: server.name,
      key: '',
      userData: 'keep',
      newUserData: { text: '', file: null },
      password: '',
    },
  });
  const values = form.watch();
  return (
    <FormModal
      title={t('rebuild.title', { name: server.name })}
      submitLabel={t('rebuild.action')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async (v) => {
        if (v.userData === 'new' && bytesOf(v.newUserData) > maxBytes)
          throw new Error(t('launch.problem.userData', { bytes: bytesOf(v.newUserData), max: maxBytes }));
        const given = await rebuildServer(server.id, requestOf(v, server));
        if (takesPassword(server) && !v.password) showPassword(server.name, given);
      }}
    >
      <Alert type="warning">{t('rebuild.text')}</Alert>
      <SelectField
        control={form.control}
        name="image"
        label={t('image')}
        status={images.isPending ? 'loading' : 'finished'}
        options={imageOptions(t, images.data ?? [], server, isAdmin)}
      />
      <TextField control={form.control} name="name" label={t('common:name')} rule={nameRule} />
      <SelectField
        control={form.control}
        name="key"
        label={t('keyPair')}
        description={own ? undefined : t('rebuild.otherUser')}
        optional
        noneLabel={server.key_name ? t('rebuild.keepKey', { name: server.key_name }) : t('rebuild.keepNoKey')}
        options={[
          ...(server.key_name ? [{ value: 'none', label: t('rebuild.noKey') }] : []),
          ...(keys.data ?? [])
            .filter((k) => k.name !== server.key_name)
            .map((k) => ({ value: `key:${k.name}`, label: k.name })),
        ]}
      />
      <RadioField
        control={form.control}
        name="userData"
        label={t('launch.userData')}
        options={(['keep', 'none', 'new'] as const).map((value) => ({ value, label: t(`rebuild.userData.${value}`) }))}
      />
      {values.userData === 'new' && (
        <UserDataField value={values.newUserData} onChange={(value) => form.setValue('newUserData', value)} />
      )}
      <AdminPasswordField control={form.control} name="password" server={server} />
    </FormModal>
  );
}
