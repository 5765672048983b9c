import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Namespace, useNamespace } from '~/api/metadef';
import { ActionButtons } from '~/ui/ActionButtons';
import { Copyable } from '~/ui/Copyable';
import { download } from '~/ui/download';
import { formatTime } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { YesNo } from '~/ui/Status';
import { useTab } from '~/ui/useTab';
import { documentOf } from './document';
import { ObjectsTab } from './ObjectsTab';
import { PropertiesTab } from './PropertiesTab';
import { TagsTab } from './TagsTab';
import { TypesTab } from './TypesTab';
import { rowOf, useNamespaceActions } from './useNamespaceActions';

export default function NamespacePage() {
  const { t } = useTranslation('metadefs');
  const { namespace = '' } = useParams();
  const query = useNamespace(namespace);
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.metadefs'), href: '/metadefs' },
          { text: namespace, href: `/metadefs/${encodeURIComponent(namespace)}` },
        ]}
      />
      <Loaded query={query}>{(found) => <Details namespace={found} />}</Loaded>
    </>
  );
}

function Details({ namespace: n }: { namespace: Namespace }) {
  const { t } = useTranslation('metadefs');
  const navigate = useNavigate();
  const { actions, dialog } = useNamespaceActions(() => navigate('/metadefs'));
  const [tab, setTab] = useTab('properties');
  const tabs = [
    { id: 'properties', label: t('properties.label'), content: <PropertiesTab namespace={n} /> },
    { id: 'objects', label: t('objects.label'), content: <ObjectsTab namespace={n} /> },
    { id: 'tags', label: t('tags.label'), content: <TagsTab namespace={n} /> },
    { id: 'types', label: t('types.label'), content: <TypesTab namespace={n} /> },
  ];
  const save = () => download(`${n.namespace}.json`, `${JSON.stringify(documentOf(n), null, 2)}\n`, 'application/json');
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={n.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button iconName="download" onClick={save}>
              {t('save')}
            </Button>
            <ActionButtons actions={actions} items={[rowOf(n)]} />
          </SpaceBetween>
        }
      >
        {n.display_name || n.namespace}
      </Header>
      <Container>
        <KeyValuePairs
          columns={3}
          items={[
            { label: t('namespace'), value: <Copyable text={n.namespace} /> },
            { label: t('visibility'), value: t(n.visibility) },
            { label: t('protected'), value: <YesNo value={n.protected} /> },
            { label: t('common:project'), value: n.owner ? <Copyable text={n.owner} /> : '–' },
            { label: t('common:created'), value: formatTime(n.created_at) },
            { label: t('common:updated'), value: formatTime(n.updated_at) },
          ]}
        />
      </Container>
      <Tabs
        activeTabId={tabs.some((one) => one.id === tab) ? tab : 'properties'}
        onChange={({ detail }) => setTab(detail.activeTabId)}
        ariaLabel={n.namespace}
        tabs={tabs}
      />
      {dialog}
    </SpaceBetween>
  );
}
