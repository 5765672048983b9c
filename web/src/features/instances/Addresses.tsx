import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';

const shown = 4;

export const addressesOf = (server: Server): string[] =>
  Object.values(server.addresses)
    .flat()
    .map((a) => a.addr);

/** The first addresses of a server, and which of them are floating IPs. */
export function Addresses({ server }: { server: Server }) {
  const { t } = useTranslation('instances');
  const all = Object.entries(server.addresses).flatMap(([network, list]) => list.map((a) => ({ ...a, network })));
  if (all.length === 0) return <>–</>;
  return (
    <ul className="addresses">
      {all.slice(0, shown).map((a) => (
        <li key={a.addr} title={a.network}>
          {a.addr}
          {a['OS-EXT-IPS:type'] === 'floating' && ` (${t('floating')})`}
        </li>
      ))}
      {all.length > shown && <li>{t('moreAddresses', { count: all.length - shown })}</li>}
    </ul>
  );
}
