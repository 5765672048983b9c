import { useTranslation } from 'react-i18next';
import type { Port } from '~/api/network';
import { shortId } from '~/ui/format';
import { Go } from '~/ui/Go';
import { ownerKey } from './Deletions';

type Attached = Pick<Port, 'device_owner' | 'device_id'>;

/** What a port belongs to, with the way there. name: of the thing, where it is known. */
export function Device({ port, name }: { port: Attached; name?: string }) {
  const { t } = useTranslation('networks');
  const what = ownerKey(port.device_owner);
  if (what === '') return <>{port.device_id || '–'}</>;
  const words = t(`owner.${what}`);
  const label = name || shortId(port.device_id);
  if (what === 'instance') return <Go to={`/instances/${port.device_id}`}>{`${words} ${label}`}</Go>;
  if (what === 'interface' || what === 'gateway')
    return <Go to={`/routers/${port.device_id}`}>{`${words} ${label}`}</Go>;
  return <>{what === 'other' ? port.device_owner : words}</>;
}
