import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Image, useImage } from '~/api/image';
import { ActionButtons } from '~/ui/ActionButtons';
import { nameOf } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { useTab } from '~/ui/useTab';
import { ImageFacts, PropertyTable } from './ImageFacts';
import { ImportsTab } from './ImportsTab';
import { MembersTab } from './MembersTab';
import { UploadPanel } from './upload/UploadPanel';
import { useUpload } from './upload/useUploads';
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
  const navigate = useNavigate();
  const { actions, dialog } = useImageActions(() => navigate('/images'));
  const [tab, setTab] = useTab('properties');
  const upload = useUpload(image.id);
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={typeof image.description === 'string' ? image.description : undefined}
        actions={<ActionButtons actions={actions} items={[image]} />}
      >
        {nameOf(image)}
      </Header>
      {image.os_glance_failed_import ? (
        <Alert type="error" header={t('imports.failedHeader')}>
          {t('imports.failedText')}
        </Alert>
      ) : null}
      {image.status === 'saving' && !upload && <Alert type="info">{t('upload.elsewhere')}</Alert>}
      {upload && upload.uploader.progress.phase !== 'done' && (
        <Container header={<Header variant="h2">{t('upload.heading')}</Header>}>
          <UploadPanel image={image.id} variant="standalone" />
        </Container>
      )}
      <Container>
        <ImageFacts image={image} />
      </Container>
      <Tabs
        activeTabId={tab}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        tabs={[
          { id: 'properties', label: t('properties.label'), content: <PropertyTable image={image} /> },
          ...(image.visibility === 'shared'
            ? [{ id: 'members', label: t('members.label'), content: <MembersTab image={image} /> }]
            : []),
          { id: 'imports', label: t('imports.label'), content: <ImportsTab image={image} /> },
        ]}
      />
      {dialog}
    </SpaceBetween>
  );
}
