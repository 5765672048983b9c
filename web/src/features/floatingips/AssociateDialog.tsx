import Alert from '@cloudscape-design/components/alert';
import { useTranslation } from 'react-i18next';
import type { FloatingIP } from '~/api/network';
import { notify } from '~/ui/notify';
import { Choices } from './Choices';
import { associate } from './mutations';
import { useTargets } from './useTargets';

/** For a floating IP: the places that it can lead to. The click on one of them does it. */
export function AssociateDialog({ floatingIP, onClose }: { floatingIP: FloatingIP; onClose(): void }) {
  const { t } = useTranslation('floatingips');
  const targets = useTargets();
  const address = floatingIP.floating_ip_address;
  return (
    <Choices
      title={t('associateTitle', { address })}
      pending={targets.pending}
      error={targets.error}
      onClose={onClose}
      empty={<Alert type="info">{t('noTargets')}</Alert>}
      choices={targets.from(floatingIP.floating_network_id).map((target) => {
        const name = targets.nameOf(target);
        return {
          id: `${target.port.id} ${target.address}`,
          name,
          note: target.address,
          action: t('associate'),
          run: async () => {
            await associate(floatingIP.id, { port: target.port.id, address: target.address });
            notify.success(t('associated', { address, name }));
          },
        };
      })}
    />
  );
}
