import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useNetworks, usePorts, useSubnets } from '~/api/network';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { RadioField, SelectField, TextField } from '~/ui/fields';
import { addressProblem } from '../launch/networking';
import { attachInterface } from '../mutations';
import { networkOptions, portOptions } from './attachment';

/** Gives a server one more interface. */
export function AttachForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const { isAdmin } = useSession();
  const project = server.tenant_id;
  const networks = useNetworks(project);
  const subnets = useSubnets().data ?? [];
  const ports = usePorts();
  const form = useForm({
    mode: 'onChange',
    defaultValues: { by: 'network' as 'network' | 'port', network: '', address: '', port: '' },
  });
  const { by, network } = form.watch();
  return (
    <FormModal
      title={t('attach.title', { name: server.name })}
      submitLabel={t('attach.submit')}
      form={form}
      onClose={onClose}
      onSubmit={(v) =>
        attachInterface(
          server.id,
          v.by === 'port' ? { port: v.port } : { network: v.network, address: v.address.trim() },
        )
      }
    >
      <RadioField
        control={form.control}
        name="by"
        label={t('attach.by')}
        options={[
          { value: 'network', label: t('attach.byNetwork'), description: t('attach.byNetworkText') },
          { value: 'port', label: t('attach.byPort'), description: t('attach.byPortText') },
        ]}
      />
      {by === 'network' ? (
        <>
          <SelectField
            control={form.control}
            name="network"
            label={t('launch.network')}
            status={networks.isPending ? 'loading' : 'finished'}
            options={networkOptions(t, networks.data ?? [], subnets, project, isAdmin)}
          />
          <TextField
            key={network}
            control={form.control}
            name="address"
            label={t('launch.address')}
            hint={t('attach.addressText')}
            rule={(value) => addressProblem({ kind: 'network', id: network, address: value }, subnets)}
            optional
          />
        </>
      ) : (
        <SelectField
          control={form.control}
          name="port"
          label={t('attach.port')}
          status={ports.isPending ? 'loading' : 'finished'}
          options={portOptions(ports.data ?? [], networks.data ?? [], project)}
          empty={t('attach.noPorts')}
        />
      )}
    </FormModal>
  );
}
