import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Image, useHiddenImages, useImages, useOfferedImages } from '~/api/image';
import { useSession } from '~/app/useSession';
import { formatBytes, formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { ImageStatus } from './ImageStatus';
import { ImportForm } from './ImportForm';
import { kindOf } from './kind';
import { Offers } from './Offers';
import { UploadForm } from './upload/UploadForm';
import { UploadPanel } from './upload/UploadPanel';
import { useImageActions } from './useImageActions';

export default function ImagesPage() {
  const { t } = useTranslation('images');
  const { projectId, isAdmin } = useSession();
  const query = useImages();
  const hidden = useHiddenImages().data;
  const offered = useOfferedImages().data;
  const all = useMemo(() => query.data && [...query.data, ...(hidden ?? [])], [query.data, hidden]);
  const { actions, dialog } = useImageActions();
  const [making, setMaking] = useState<'' | 'upload' | 'import'>('');
  const close = () => setMaking('');
  const columns = useMemo(
    (): Column<Image>[] => [
      {
        id: 'name',
        header: t('common:name'),
        cell: (i) => (
          <>
            <Go to={`/images/${i.id}`}>{nameOf(i)}</Go>
            {i.os_hidden && ` (${t('hidden')})`}
          </>
        ),
        value: nameOf,
        width: 220,
      },
      { id: 'kind', header: t('kind.label'), cell: (i) => kindOf(t, i), value: (i) => kindOf(t, i), width: 150 },
      {
        id: 'status',
        header: t('common:statusLabel'),
        cell: (i) => <ImageStatus image={i} />,
        value: (i) => i.status,
        width: 170,
      },
      {
        id: 'visibility',
        header: t('visibility'),
        cell: (i) => t(`visibilities.${i.visibility}`),
        value: (i) => t(`visibilities.${i.visibility}`),
        width: 130,
      },
      {
        id: 'owner',
        header: t('owner'),
        cell: (i) => t(i.owner === projectId ? 'mine' : 'others'),
        value: (i) => t(i.owner === projectId ? 'mine' : 'others'),
        width: 140,
      },
      {
        id: 'format',
        header: t('format'),
        cell: (i) => i.disk_format ?? '–',
        value: (i) => i.disk_format,
        width: 110,
        visible: false,
      },
      { id: 'size', header: t('size'), cell: (i) => formatBytes(i.size), value: (i) => i.size, width: 110 },
      {
        id: 'hidden',
        header: t('hidden'),
        cell: (i) => <YesNo value={i.os_hidden} />,
        value: (i) => t(i.os_hidden ? 'common:yes' : 'common:no'),
        width: 120,
        visible: false,
      },
      {
        id: 'protected',
        header: t('protected'),
        cell: (i) => <YesNo value={i.protected} />,
        value: (i) => t(i.protected ? 'common:yes' : 'common:no'),
        width: 120,
        visible: false,
      },
      {
        id: 'created',
        header: t('common:created'),
        cell: (i) => formatTime(i.created_at),
        value: (i) => i.created_at,
        width: 200,
      },
      { id: 'id', header: t('common:id'), cell: (i) => i.id, value: (i) => i.id, visible: false },
    ],
    [t, projectId],
  );
  return (
    <>
      <Crumbs trail={[{ text: t('common:nav.items.images'), href: '/images' }]} />
      <SpaceBetween size="l">
        <UploadPanel />
        {/* To administrators the API shows what others share with anybody. */}
        {!isAdmin && <Offers images={(offered ?? []).filter((i) => i.owner !== projectId)} />}
        <ResourceTable
          id="images"
          title={t('common:nav.items.images')}
          query={{ ...query, data: all }}
          columns={columns}
          actions={actions}
          buttons={
            <>
              <Button onClick={() => setMaking('import')} data-testid="import-url">
                {t('importUrl')}
              </Button>
              <Button variant="primary" onClick={() => setMaking('upload')} data-testid="upload">
                {t('upload')}
              </Button>
            </>
          }
          empty={{ title: t('empty'), text: t('emptyText') }}
        />
      </SpaceBetween>
      {making === 'upload' && <UploadForm onClose={close} />}
      {making === 'import' && <ImportForm onClose={close} />}
      {dialog}
    </>
  );
}
