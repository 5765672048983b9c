import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { useSession } from '~/app/useSession';
import { Copyable } from '~/ui/Copyable';
import { formatBytes, formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import type { Column } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { ImageStatus } from './ImageStatus';

export function useImageColumns(): Column<Image>[] {
  const { t } = useTranslation('images');
  const { projectId } = useSession();
  return useMemo(() => {
    const owner = (i: Image) => t(i.owner === projectId ? 'owner.me' : 'owner.other');
    const visibility = (i: Image) => t(`visibility.${i.visibility}`);
    const format = (i: Image) => (i.disk_format ? t(`format.${i.disk_format}`, { defaultValue: i.disk_format }) : '–');
    return [
      {
        id: 'name',
        header: t('common:name'),
        cell: (i) => <Go to={`/images/${i.id}`}>{nameOf(i)}</Go>,
        value: (i) => i.name,
        width: 200,
      },
      {
        id: 'status',
        header: t('common:statusLabel'),
        cell: (i) => <ImageStatus image={i} />,
        value: (i) => t(`common:status.${i.status.toUpperCase()}`, { defaultValue: i.status }),
        width: 190,
      },
      { id: 'visibility', header: t('visibility.label'), cell: visibility, value: visibility, width: 120 },
      { id: 'format', header: t('format.short'), cell: format, value: format, width: 110 },
      { id: 'size', header: t('size'), cell: (i) => formatBytes(i.size), value: (i) => i.size, width: 110 },
      { id: 'owner', header: t('owner.label'), cell: owner, value: owner, width: 140 },
      {
        id: 'protected',
        header: t('protected'),
        cell: (i) => <YesNo value={i.protected} />,
        value: (i) => t(i.protected ? 'common:yes' : 'common:no'),
        width: 120,
      },
      {
        id: 'created',
        header: t('common:created'),
        cell: (i) => formatTime(i.created_at),
        value: (i) => i.created_at,
        width: 200,
      },
      {
        id: 'tags',
        header: t('tags.label'),
        cell: (i) => i.tags.join(', ') || '–',
        value: (i) => i.tags.join(', '),
        visible: false,
        width: 150,
      },
      {
        id: 'id',
        header: t('common:id'),
        cell: (i) => <Copyable text={i.id} />,
        value: (i) => i.id,
        visible: false,
        width: 340,
      },
    ];
  }, [t, projectId]);
}
