import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { useServer } from '~/api/compute';
import { type Image, useImage } from '~/api/image';
import { useSession } from '~/app/useSession';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { download } from '~/ui/download';
import { formatBytes, formatGiB, formatMiB, formatTime, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { notify } from '~/ui/notify';
import { Crumbs } from '~/ui/Page';
import { YesNo } from '~/ui/Status';
import { useTab } from '~/ui/useTab';
import { ImageStatus } from './ImageStatus';
import { ImportsTab } from './ImportsTab';
import { kindOf } from './kind';
import { MembersTab } from './MembersTab';
import { imageData } from './mutations';
import { PropertiesTab } from './PropertiesTab';
import { ShareAnswer } from './ShareAnswer';
import { UploadPanel } from './upload/UploadPanel';
import { useImageActions } from './useImageActions';

export default function ImagePage() {
  const { t } = useTranslation('images');
  const { id = '' } = useParams();
  const query = useImage(id);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.images'), href: '/images' },
          { text: query.data ? nameOf(query.data) : id, href: `/images/${id}` },
        ]}
      />
      <Loaded query={query}>{(image) => <Details image={image} />}</Loaded>
    </>
  );
}

function Details({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const { projectId, isAdmin } = useSession();
  const navigate = useNavigate();
  const { actions, dialog } = useImageActions(() => navigate('/images'));
  const [tab, setTab] = useTab('overview');
  const items = useMemo(() => [image], [image]);
  const mine = isAdmin || image.owner === projectId;
  const tabs = [
    { id: 'overview', label: t('tab.overview'), content: <Overview image={image} /> },
    { id: 'properties', label: t('properties'), content: <PropertiesTab image={image} mine={mine} /> },
    ...(mine && image.visibility === 'shared'
      ? [{ id: 'members', label: t('tab.members'), content: <MembersTab image={image} /> }]
      : []),
    ...(mine ? [{ id: 'imports', label: t('tab.imports'), content: <ImportsTab image={image} /> }] : []),
  ];
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        info={<ImageStatus image={image} />}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Save image={image} />
            <ActionButtons actions={actions} items={items} />
          </SpaceBetween>
        }
      >
        {nameOf(image)}
      </Header>
      <UploadPanel />
      {image.status === 'queued' && <Alert type="info">{t('queuedText')}</Alert>}
      {!mine && image.visibility === 'shared' && <ShareAnswer image={image} />}
      <Tabs
        activeTabId={tabs.some((one) => one.id === tab) ? tab : 'overview'}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={tabs}
      />
      {dialog}
    </SpaceBetween>
  );
}

function Save({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      download(
        `${image.name || image.id}.${image.disk_format ?? 'img'}`,
        await imageData(image.id),
        'application/octet-stream',
      );
    } catch (error) {
      notify.error(t('saveFailed'), error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button iconName="download" disabled={image.status !== 'active'} loading={busy} onClick={() => void save()}>
      {t('save')}
    </Button>
  );
}

/** The instance that an image was made of; it may be gone. */
function InstanceName({ id }: { id: string }) {
  const { t } = useTranslation('images');
  const server = useServer(id);
  if (server.data) return <Go to={`/instances/${id}`}>{nameOf(server.data)}</Go>;
  return <>{server.error ? t('kind.gone', { id }) : id}</>;
}

function Overview({ image: i }: { image: Image }) {
  const { t } = useTranslation('images');
  return (
    <Container>
      <KeyValuePairs
        columns={3}
        items={[
          { label: t('common:id'), value: <Copyable text={i.id} /> },
          { label: t('kind.label'), value: kindOf(t, i) },
          ...(typeof i.instance_uuid === 'string'
            ? [{ label: t('kind.of'), value: <InstanceName id={i.instance_uuid} /> }]
            : []),
          { label: t('visibility'), value: t(`visibilities.${i.visibility}`) },
          { label: t('common:project'), value: i.owner ? <Copyable text={i.owner} /> : '–' },
          { label: t('format'), value: i.disk_format ?? '–' },
          { label: t('container'), value: i.container_format ?? '–' },
          { label: t('size'), value: formatBytes(i.size) },
          { label: t('virtualSize'), value: formatBytes(i.virtual_size) },
          { label: t('minDiskLabel'), value: formatGiB(i.min_disk) },
          { label: t('minRamLabel'), value: formatMiB(i.min_ram) },
          { label: t('protected'), value: <YesNo value={i.protected} /> },
          { label: t('hidden'), value: <YesNo value={i.os_hidden} /> },
          { label: t('tags'), value: i.tags.join(', ') || '–' },
          { label: t('common:created'), value: formatTime(i.created_at) },
          { label: t('common:updated'), value: formatTime(i.updated_at) },
          { label: 'MD5', value: i.checksum ? <Copyable text={i.checksum} /> : '–' },
          {
            label: (i.os_hash_algo ?? 'SHA-512').toUpperCase(),
            value: i.os_hash_value ? <Copyable text={i.os_hash_value} /> : '–',
          },
        ]}
      />
    </Container>
  );
}
