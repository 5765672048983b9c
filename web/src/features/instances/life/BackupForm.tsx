import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useImages } from '~/api/image';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { all, maxLength, wholeNumber } from '~/ui/rules';
import { backupServer } from '../mutations';
import { nameRule, printable } from '../rules';
import { backupsOf, datedName } from './images';

/** Makes an image of a server's disk, and deletes the oldest of its kind. */
export function BackupForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const images = useImages().data ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: { name: datedName(server), type: 'daily', rotation: '7' },
  });
  const { type, rotation } = form.watch();
  const kept = Number(rotation);
  const there = backupsOf(images, server.id, type.trim());
  const gone = Number.isInteger(kept) && kept > 0 ? there.slice(kept - 1) : [];
  return (
    <FormModal
      title={t('backup.title', { name: server.name })}
      submitLabel={t('backup.submit')}
      form={form}
      onClose={onClose}
      onSubmit={(v) => backupServer(server.id, v.name, v.type.trim(), Number(v.rotation))}
    >
      <Alert type="info">{t('backup.text')}</Alert>
      <TextField control={form.control} name="name" label={t('snapshot.name')} rule={nameRule} autoFocus />
      <TextField
        control={form.control}
        name="type"
        label={t('backup.type')}
        description={t('backup.typeText')}
        rule={all(maxLength(255), printable)}
      />
      <TextField
        control={form.control}
        name="rotation"
        label={t('backup.rotation')}
        hint={t('backup.there', { count: there.length })}
        rule={wholeNumber(1, 2 ** 31 - 1)}
        type="number"
        inputMode="numeric"
      />
      {gone.length > 0 && (
        <Alert type="warning">
          {t('backup.gone', { count: gone.length, list: gone.map(nameOf).slice(0, 5).join(', ') })}
        </Alert>
      )}
    </FormModal>
  );
}
