import { useTranslation } from 'react-i18next';
import type { FloatingIP } from '~/api/network';
import { Device } from '~/features/networks/Device';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';

/** The instance or port that a floating IP leads to. */
export function Served({ floatingIP: f, name }: { floatingIP: FloatingIP; name?: string }) {
  const { t } = useTranslation('floatingips');
  if (f.port_details?.device_owner.startsWith('compute:')) return <Device port={f.port_details} name={name} />;
  return (
    <Go to={`/ports/${f.port_id}`}>
      {t('port', { name: nameOf({ name: f.port_details?.name, id: f.port_id ?? '' }) })}
    </Go>
  );
}
