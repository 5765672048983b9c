import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import { useTranslation } from 'react-i18next';
import { type Image, propertiesOf } from '~/api/image';
import { useSession } from '~/app/useSession';
import { Copyable } from '~/ui/Copyable';
import { formatBytes, formatGiB, formatMiB, formatTime } from '~/ui/format';
import { ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { ImageStatus } from './ImageStatus';

/** Everything that the API says of an image itself. */
export function ImageFacts({ image: i }: { image: Image }) {
  const { t } = useTranslation('images');
  const { projectId } = useSession();
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: t('common:statusLabel'), value: <ImageStatus image={i} /> },
        { label: t('visibility.label'), value: t(`visibility.${i.visibility}`) },
        {
          label: t('owner.label'),
          value: i.owner === projectId ? t('owner.me') : i.owner ? <Copyable text={i.owner} /> : '–',
        },
        { label: t('common:id'), value: <Copyable text={i.id} /> },
        {
          label: t('format.label'),
          value: i.disk_format ? t(`format.${i.disk_format}`, { defaultValue: i.disk_format }) : '–',
        },
        { label: t('container'), value: i.container_format ?? '–' },
        { label: t('size'), value: formatBytes(i.size) },
        { label: t('virtualSize'), value: formatBytes(i.virtual_size) },
        { label: t('minDisk'), value: i.min_disk ? formatGiB(i.min_disk) : t('common:none') },
        { label: t('minRam'), value: i.min_ram ? formatMiB(i.min_ram) : t('common:none') },
        { label: t('protected'), value: <YesNo value={i.protected} /> },
        { label: t('hidden.short'), value: <YesNo value={i.os_hidden} /> },
        { label: t('tags.label'), value: i.tags.join(', ') || '–' },
        { label: t('common:created'), value: formatTime(i.created_at) },
        { label: t('common:updated'), value: formatTime(i.updated_at) },
        { label: t('checksum'), value: i.checksum ? <Copyable text={i.checksum} /> : '–' },
        {
          label: i.os_hash_algo ? i.os_hash_algo.toUpperCase() : t('hash'),
          value: i.os_hash_value ? <Copyable text={i.os_hash_value} /> : '–',
        },
      ]}
    />
  );
}

export function PropertyTable({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const data = Object.entries(propertiesOf(image)).map(([id, value]) => ({ id, name: id, value }));
  return (
    <ResourceTable
      id="image-properties"
      title={t('properties.label')}
      query={{ data, error: null, isPending: false, isFetching: false, refetch: async () => undefined }}
      columns={[
        { id: 'name', header: t('common:key'), cell: (p) => p.name, value: (p) => p.name },
        { id: 'value', header: t('common:value'), cell: (p) => p.value, value: (p) => p.value },
      ]}
      empty={{ title: t('properties.empty') }}
    />
  );
}
