import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { type Image, useImages } from '~/api/image';
import { useSession } from '~/app/useSession';
import { ImageStatus } from '~/features/images/ImageStatus';
import { kindOf } from '~/features/images/kind';
import { useImageActions } from '~/features/images/useImageActions';
import { BackupForm } from '~/features/instances/life/BackupForm';
import { SnapshotForm } from '~/features/instances/life/SnapshotForm';
import { refusedWords } from '~/features/instances/lifecycle';
import { formatBytes, formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { type Column, ResourceTable } from '~/ui/ResourceTable';

/** The images that were made of a server: snapshots, and backups with their type. */
export function ImagesTab({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances', 'images']);
  const { isAdmin } = useSession();
  const query = useImages();
  const { actions, dialog } = useImageActions();
  const [making, setMaking] = useState<'' | 'snapshot' | 'backup'>('');
  const own = query.data?.filter((i) => i.instance_uuid === server.id);
  const kind = (i: Image) => kindOf(t, i);
  const columns: Column<Image>[] = [
    {
      id: 'name',
      header: t('common:name'),
      cell: (i) => <Go to={`/images/${i.id}`}>{nameOf(i)}</Go>,
      value: nameOf,
      width: 260,
    },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (i) => <ImageStatus image={i} />,
      value: (i) => t(`common:status.${i.status.toUpperCase()}`, { defaultValue: i.status }),
      width: 170,
    },
    { id: 'kind', header: t('images:kind.label'), cell: kind, value: kind, width: 160 },
    { id: 'size', header: t('images:size'), cell: (i) => formatBytes(i.size), value: (i) => i.size, width: 110 },
    {
      id: 'created',
      header: t('common:created'),
      cell: (i) => formatTime(i.created_at),
      value: (i) => i.created_at,
      width: 200,
    },
    { id: 'id', header: t('common:id'), cell: (i) => i.id, value: (i) => i.id, visible: false },
  ];
  const button = (what: 'snapshot' | 'backup') => {
    const refused = refusedWords(t, server, what, isAdmin);
    return (
      <Button
        disabled={refused !== undefined}
        disabledReason={refused}
        onClick={() => setMaking(what)}
        data-testid={what}
      >
        {t(`instances:${what}.action`)}
      </Button>
    );
  };
  const close = () => setMaking('');
  return (
    <>
      <ResourceTable
        id="instance-images"
        title={t('tab.images')}
        query={{ ...query, data: own }}
        columns={columns}
        actions={actions}
        buttons={
          <SpaceBetween direction="horizontal" size="xs">
            {button('backup')}
            {button('snapshot')}
          </SpaceBetween>
        }
        empty={{ title: t('noImages'), text: t('noImagesText') }}
      />
      {dialog}
      {making === 'snapshot' && <SnapshotForm server={server} onClose={close} />}
      {making === 'backup' && <BackupForm server={server} onClose={close} />}
    </>
  );
}
