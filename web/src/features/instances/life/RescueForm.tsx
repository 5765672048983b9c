import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useImages } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { SelectField } from '~/ui/fields';
import { rescueServer } from '../mutations';
import { AdminPasswordField, takesPassword } from './AdminPasswordField';
import { imageOptions } from './images';
import { showPassword } from './passwordNotice';

/** Boots a server from another image, to look at the disk that it does not boot from. */
export function RescueForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const images = useImages();
  const form = useForm({ mode: 'onChange', defaultValues: { image: '', password: '' } });
  return (
    <FormModal
      title={t('rescue.title', { name: server.name })}
      submitLabel={t('rescue.action')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ image, password }) => {
        const given = await rescueServer(server.id, image, password);
        if (takesPassword(server) && !password) showPassword(server.name, given);
      }}
    >
      <Alert type="info">{t('rescue.text')}</Alert>
      <SelectField
        control={form.control}
        name="image"
        label={t('rescue.image')}
        description={t('rescue.imageText')}
        optional
        noneLabel={t('rescue.ownImage')}
        status={images.isPending ? 'loading' : 'finished'}
        options={imageOptions(t, images.data ?? [], server, true)}
      />
      <AdminPasswordField control={form.control} name="password" server={server} />
    </FormModal>
  );
}
