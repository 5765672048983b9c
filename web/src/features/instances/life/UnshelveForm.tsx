import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Server, useZones } from '~/api/compute';
import { FormModal } from '~/ui/FormModal';
import { SelectField } from '~/ui/fields';
import { unshelveServer } from '../mutations';

/** Starts a server that was put away. Once its host has forgotten it, it can go to another zone. */
export function UnshelveForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const zones = useZones();
  const form = useForm({ mode: 'onChange', defaultValues: { zone: '' } });
  const free = server.status === 'SHELVED_OFFLOADED';
  return (
    <FormModal
      title={t('unshelve.title', { name: server.name })}
      submitLabel={t('unshelve.action')}
      form={form}
      onClose={onClose}
      onSubmit={({ zone }) => unshelveServer(server.id, zone)}
    >
      <div>{t(free ? 'unshelve.textElsewhere' : 'unshelve.text')}</div>
      {free && (
        <SelectField
          control={form.control}
          name="zone"
          label={t('zone')}
          optional
          noneLabel={t('unshelve.sameZone')}
          status={zones.isPending ? 'loading' : 'finished'}
          options={(zones.data ?? []).map((z) => ({
            value: z.zoneName,
            description: z.zoneState.available ? undefined : t('launch.zoneDown'),
            disabled: !z.zoneState.available,
          }))}
        />
      )}
    </FormModal>
  );
}
