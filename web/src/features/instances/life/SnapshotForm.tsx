import Alert from '@cloudscape-design/components/alert';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { type Pair, PairsField, recordOf } from '~/ui/PairsField';
import { maxLength } from '~/ui/rules';
import { snapshotServer } from '../mutations';
import { metadataKey, nameRule } from '../rules';
import { datedName } from './images';

/** Makes an image of a server's disk. */
export function SnapshotForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const form = useForm<{ name: string; properties: Pair[] }>({
    mode: 'onChange',
    defaultValues: { name: datedName(server), properties: [] },
  });
  return (
    <FormModal
      title={t('snapshot.title', { name: server.name })}
      submitLabel={t('snapshot.submit')}
      form={form}
      onClose={onClose}
      onSubmit={({ name, properties }) => snapshotServer(server.id, name, recordOf(properties))}
    >
      <Alert type="info">{t('snapshot.text')}</Alert>
      <TextField control={form.control} name="name" label={t('snapshot.name')} rule={nameRule} autoFocus />
      <PairsField
        control={form.control}
        name="properties"
        label={t('snapshot.properties')}
        empty={t('snapshot.noProperties')}
        addLabel={t('snapshot.addProperty')}
        keyRule={metadataKey}
        valueRule={maxLength(255)}
      />
    </FormModal>
  );
}
