import Icon from '@cloudscape-design/components/icon';
import './instances.css';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useProjects } from '~/api/identity';
import { useImages } from '~/api/image';
import { useSession } from '~/app/useSession';
import { formatMiB, formatTime, nameOf, shortId } from '~/ui/format';
import { Go } from '~/ui/Go';
import type { Column } from '~/ui/ResourceTable';
import { Addresses, addressesOf } from './Addresses';
import { ServerStatus } from './ServerStatus';

const imageOf = (server: Server): string => (server.image === '' ? '' : server.image.id);

/** The columns of lists of servers; everywhere: those of all projects, with the projects' names. */
export function useInstanceColumns(everywhere: boolean): Column<Server>[] {
  const { t } = useTranslation('instances');
  const { isAdmin } = useSession();
  const images = useImages().data;
  const names = useMemo(() => new Map((images ?? []).map((i) => [i.id, nameOf({ ...i, name: i.name })])), [images]);
  return useMemo(() => {
    const image = (s: Server) => names.get(imageOf(s)) ?? (imageOf(s) ? `(${shortId(imageOf(s))})` : '');
    const statusWords = (s: Server) => t(`common:status.${s.status}`, { defaultValue: s.status });
    return [
      {
        id: 'name',
        header: t('common:name'),
        cell: (s) => (
          <>
            <Go to={`/instances/${s.id}`}>{nameOf(s)}</Go>
            {s.locked && (
              <span title={s.locked_reason ?? t('locked')}>
                {' '}
                <Icon name="lock-private" ariaLabel={t('locked')} />
              </span>
            )}
          </>
        ),
        value: (s) => s.name,
        width: 180,
      },
      {
        id: 'status',
        header: t('common:statusLabel'),
        cell: (s) => <ServerStatus server={s} />,
        value: statusWords,
        width: 160,
      },
      {
        id: 'ips',
        header: t('addresses'),
        cell: (s) => <Addresses server={s} />,
        value: (s) => addressesOf(s).join(', '),
        width: 175,
      },
      {
        id: 'size',
        header: t('flavor'),
        cell: (s) => (
          <span title={t('size', { vcpus: s.flavor.vcpus, ram: formatMiB(s.flavor.ram), disk: s.flavor.disk })}>
            {s.flavor.original_name}
          </span>
        ),
        value: (s) => s.flavor.original_name,
        width: 110,
      },
      { id: 'imageName', header: t('image'), cell: (s) => image(s) || '–', value: image, width: 120 },
      {
        id: 'key',
        header: t('keyPair'),
        cell: (s) => s.key_name ?? '–',
        value: (s) => s.key_name,
        width: 120,
        visible: false,
      },
      {
        id: 'zone',
        header: t('zoneShort'),
        cell: (s) => s['OS-EXT-AZ:availability_zone'] || '–',
        value: (s) => s['OS-EXT-AZ:availability_zone'],
        width: 100,
        visible: !everywhere,
      },
      ...(isAdmin
        ? [
            {
              id: 'host',
              header: t('host'),
              cell: (s: Server) => s['OS-EXT-SRV-ATTR:host'] ?? '–',
              value: (s: Server) => s['OS-EXT-SRV-ATTR:host'],
              width: 120,
            },
          ]
        : []),
      {
        id: 'created',
        header: t('common:created'),
        cell: (s) => formatTime(s.created),
        value: (s) => s.created,
        width: 190,
      },
      {
        id: 'tags',
        header: t('tags.label'),
        cell: (s) => s.tags.join(', ') || '–',
        value: (s) => s.tags.join(', '),
        visible: false,
      },
      {
        id: 'description',
        header: t('common:description'),
        cell: (s) => s.description ?? '–',
        value: (s) => s.description,
        visible: false,
      },
      { id: 'id', header: t('common:id'), cell: (s) => s.id, value: (s) => s.id, visible: false, width: 310 },
    ];
  }, [t, isAdmin, everywhere, names]);
}

/** useProjectColumn names the project of each server. */
export function useProjectColumn(): { column: Column<Server>; failed: boolean } {
  const { t } = useTranslation('instances');
  const { data, error } = useProjects();
  const column = useMemo(() => {
    const names = new Map((data ?? []).map((p) => [p.id, p.name]));
    const project = (s: Server) => names.get(s.tenant_id) ?? s.tenant_id;
    return { id: 'project', header: t('common:project'), cell: project, value: project, width: 130 };
  }, [data, t]);
  return { column, failed: error !== null };
}
