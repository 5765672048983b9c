import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import {
  type EndpointGroup,
  endpointPlace,
  given,
  groupPlace,
  useEndpointGroups,
  useProjectEndpoints,
  useProjectGroups,
} from '~/api/endpointGroups';
import { type Endpoint, type Project, useEndpoints, useServices } from '~/api/identity';
import { write } from '~/api/write';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { holds } from './endpointGroup';
import { GiveForm } from './GiveForm';
import { useGroupColumns } from './useGroupColumns';

type Props = { project: Pick<Project, 'id' | 'name'> };

/** What a project finds in its catalog: all endpoints, or those that it is given, one by one or by groups. */
export function ProjectCatalog({ project }: Props) {
  return (
    <SpaceBetween size="l">
      <Endpoints project={project} />
      <Groups project={project} />
    </SpaceBetween>
  );
}

type EndpointRow = Endpoint & { name: string };

function Endpoints({ project }: Props) {
  const { t } = useTranslation('catalog');
  const column = useColumns<EndpointRow>();
  const query = useProjectEndpoints(project.id);
  const groups = useProjectGroups(project.id).data ?? [];
  const services = new Map((useServices().data ?? []).map((s) => [s.id, s.name || s.type]));
  const all = useEndpoints().data ?? [];
  const by = (e: Endpoint) =>
    groups
      .filter((g) => holds(g, e))
      .map((g) => g.name)
      .join(', ');
  const has = new Set(query.data?.map((e) => e.id));
  const options = all
    .filter((e) => !has.has(e.id))
    .map((e) => ({
      value: e.id,
      label: `${services.get(e.service_id) ?? e.service_id}, ${t(`interfaces.${e.interface}`)}`,
      description: e.url,
    }));
  const { actions } = useEditDelete<EndpointRow>({
    removeLabel: t('take'),
    refused: (e) => (by(e) ? t('byGroup', { names: by(e) }) : undefined),
    question: (items) => ({
      title: t('takeEndpointTitle', { count: items.length, name: items[0]?.name, project: project.name }),
      body: t('takeEndpointText'),
    }),
    remove: (e) => write(given, 'identity', 'DELETE', endpointPlace(e.id, project.id)),
  });
  return (
    <ListTable<EndpointRow>
      id="project-endpoints"
      title={t('endpoints')}
      description={t('ofProjectText')}
      query={{ ...query, data: query.data?.map((e) => ({ ...e, name: services.get(e.service_id) ?? e.service_id })) }}
      columns={[
        { ...column.name(undefined, 140), header: t('service') },
        column.text('interface', t('interface'), (e) => t(`interfaces.${e.interface}`), { width: 130 }),
        column.text('region', t('common:region'), (e) => e.region_id, { width: 140 }),
        column.text('url', t('url'), (e) => e.url, { width: 360 }),
        column.text('by', t('comesBy'), (e) => by(e) || t('itself'), { width: 200 }),
        column.enabled(),
        column.id(),
      ]}
      actions={actions}
      create={{
        text: t('giveEndpoints'),
        testId: 'give-endpoints',
        form: (close) => (
          <GiveForm
            title={t('giveEndpointsTitle', { name: project.name })}
            label={t('endpoints')}
            options={options}
            place={(id) => endpointPlace(id, project.id)}
            onClose={close}
          />
        ),
      }}
      empty={{ title: t('givenNoEndpoints'), text: t('noGroupsText') }}
    />
  );
}

function Groups({ project }: Props) {
  const { t } = useTranslation('catalog');
  const query = useProjectGroups(project.id);
  const all = useEndpointGroups().data ?? [];
  const { actions } = useEditDelete<EndpointGroup>({
    removeLabel: t('take'),
    question: (items) => ({
      title: t('takeGroupTitle', { count: items.length, name: items[0]?.name, project: project.name }),
      body: t('takeText'),
    }),
    remove: (g) => write(given, 'identity', 'DELETE', groupPlace(g.id, project.id)),
  });
  const options = all
    .filter((g) => !query.data?.some((one) => one.id === g.id))
    .map((g) => ({ value: g.id, label: g.name, description: g.description || undefined }));
  return (
    <ListTable<EndpointGroup>
      id="project-endpoint-groups"
      title={t('groups')}
      query={query}
      columns={useGroupColumns()}
      actions={actions}
      create={{
        text: t('giveGroups'),
        testId: 'give-groups',
        secondary: true,
        form: (close) => (
          <GiveForm
            title={t('giveGroupsTitle', { name: project.name })}
            label={t('groups')}
            options={options}
            place={(id) => groupPlace(id, project.id)}
            onClose={close}
          />
        ),
      }}
      empty={{ title: t('givenNoGroups') }}
    />
  );
}
