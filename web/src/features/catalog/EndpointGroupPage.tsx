import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import {
  type EndpointGroup,
  given,
  groupPlace,
  useEndpointGroup,
  useGroupEndpoints,
  useGroupProjects,
} from '~/api/endpointGroups';
import { type Endpoint, type Project, useProjects } from '~/api/identity';
import { write } from '~/api/write';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { ResourceTable } from '~/ui/ResourceTable';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { GiveForm } from './GiveForm';
import { useEndpointGroupActions } from './useEndpointGroupActions';
import { useFilterWords } from './useFilterWords';

export default function EndpointGroupPage() {
  const { t } = useTranslation('catalog');
  const { id = '' } = useParams();
  return (
    <ThingPage list={{ text: t('common:nav.items.catalog'), href: '/catalog' }} query={useEndpointGroup(id)}>
      {(group) => <Details group={group} />}
    </ThingPage>
  );
}

function Details({ group }: { group: EndpointGroup }) {
  const { t } = useTranslation('catalog');
  const navigate = useNavigate();
  const words = useFilterWords()(group);
  const { actions, dialog } = useEndpointGroupActions(() => navigate('/catalog?tab=groups'));
  return (
    <Thing
      thing={group}
      description={group.description}
      actions={actions}
      dialog={dialog}
      facts={[
        { label: t('common:id'), value: <Copyable text={group.id} /> },
        { label: t('service'), value: words.service },
        { label: t('common:region'), value: words.region },
        { label: t('interface'), value: words.kind },
      ]}
      tabs={[
        { id: 'projects', label: t('common:projects'), content: <Projects group={group} /> },
        { id: 'endpoints', label: t('endpoints'), content: <Endpoints group={group} /> },
      ]}
    />
  );
}

/** The projects that the group is given to. */
function Projects({ group }: { group: EndpointGroup }) {
  const { t } = useTranslation('catalog');
  const column = useColumns<Project>();
  const query = useGroupProjects(group.id);
  const options = (useProjects().data ?? [])
    .filter((p) => !query.data?.some((one) => one.id === p.id))
    .map((p) => ({ value: p.id, label: p.name, description: p.id }));
  const { actions } = useEditDelete<Project>({
    removeLabel: t('common:remove'),
    question: (items) => ({
      title: t('takeTitle', { count: items.length, name: items[0]?.name }),
      body: t('takeText'),
    }),
    remove: (p) => write(given, 'identity', 'DELETE', groupPlace(group.id, p.id)),
  });
  return (
    <ListTable<Project>
      id="endpoint-group-projects"
      title={t('common:projects')}
      description={t('givenText')}
      query={query}
      columns={[column.name('/projects'), column.enabled(), column.description(), column.id(true)]}
      actions={actions}
      create={{
        text: t('give'),
        testId: 'give',
        form: (close) => (
          <GiveForm
            title={t('giveTitle', { name: group.name })}
            label={t('common:projects')}
            options={options}
            place={(id) => groupPlace(group.id, id)}
            onClose={close}
          />
        ),
      }}
      empty={{ title: t('givenToNone'), text: t('givenToNoneText') }}
    />
  );
}

/** The endpoints that are in the group now. */
function Endpoints({ group }: { group: EndpointGroup }) {
  const { t } = useTranslation('catalog');
  const query = useGroupEndpoints(group.id);
  const column = useColumns<Endpoint & { name: string }>();
  return (
    <ResourceTable
      id="endpoint-group-endpoints"
      title={t('endpoints')}
      query={{ ...query, data: query.data?.map((e) => ({ ...e, name: e.url })) }}
      columns={[
        { ...column.name(undefined, 360), header: t('url') },
        column.text('interface', t('interface'), (e) => t(`interfaces.${e.interface}`)),
        column.text('region', t('common:region'), (e) => e.region_id),
        column.enabled(),
        column.id(),
      ]}
      empty={{ title: t('noEndpoints'), text: t('noneMatch') }}
    />
  );
}
