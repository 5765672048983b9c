import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Region, useRegions } from '~/api/catalog';
import { pathPart } from '~/api/client';
import { type Endpoint, type Service, useEndpoints, useServices } from '~/api/identity';
import { write } from '~/api/write';
import { opens } from '~/ui/actions';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { Crumbs } from '~/ui/Page';
import { useEditDelete } from '~/ui/useEditDelete';
import { useTab } from '~/ui/useTab';
import { EndpointGroups } from './EndpointGroups';
import { EndpointProjectsForm } from './EndpointProjectsForm';
import { EndpointForm, RegionForm, ServiceForm } from './forms';

/** Which services the cloud has, and where clients find them. */
export default function CatalogPage() {
  const { t } = useTranslation('catalog');
  const [tab, setTab] = useTab('endpoints');
  const title = t('common:nav.items.catalog');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/catalog' }]} />
      <SpaceBetween size="l">
        <Header variant="h1" description={t('about')}>
          {title}
        </Header>
        <Tabs
          activeTabId={tab}
          onChange={({ detail }) => setTab(detail.activeTabId)}
          tabs={[
            { id: 'endpoints', label: t('endpoints'), content: <Endpoints /> },
            { id: 'services', label: t('services'), content: <Services /> },
            { id: 'regions', label: t('regions'), content: <Regions /> },
            { id: 'groups', label: t('groups'), content: <EndpointGroups /> },
          ]}
        />
      </SpaceBetween>
    </>
  );
}

type EndpointRow = Endpoint & { name: string };

function Endpoints() {
  const { t } = useTranslation('catalog');
  const column = useColumns<EndpointRow>();
  const query = useEndpoints();
  const services = new Map((useServices().data ?? []).map((s) => [s.id, s.name || s.type]));
  const [given, setGiven] = useState<EndpointRow>();
  const { actions, dialog } = useEditDelete<EndpointRow>({
    edit: (before, close) => <EndpointForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.url }),
      body: t('deleteText'),
    }),
    remove: (e) => write(['endpoint'], 'identity', 'DELETE', `/endpoints/${e.id}`),
    more: [opens<EndpointRow>({ id: 'give', text: t('give'), open: setGiven })],
  });
  return (
    <ListTable<EndpointRow>
      id="catalog-endpoints"
      title={t('endpoints')}
      query={{
        ...query,
        data: query.data?.map((e) => ({ ...e, name: services.get(e.service_id) ?? e.service_id })),
      }}
      columns={[
        { ...column.name(undefined, 140), header: t('service') },
        column.text('interface', t('interface'), (e) => t(`interfaces.${e.interface}`), { width: 130 }),
        column.text('region', t('common:region'), (e) => e.region_id, { width: 140 }),
        column.text('url', t('url'), (e) => e.url, { width: 360 }),
        column.enabled(),
        column.id(),
      ]}
      actions={actions}
      create={{ text: t('addEndpoint'), form: (close) => <EndpointForm onClose={close} /> }}
      empty={{ title: t('noEndpoints') }}
      dialog={dialog ?? (given && <EndpointProjectsForm endpoint={given} onClose={() => setGiven(undefined)} />)}
    />
  );
}

function Services() {
  const { t } = useTranslation('catalog');
  const column = useColumns<Service>();
  const { actions, dialog } = useEditDelete<Service>({
    edit: (before, close) => <ServiceForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteServiceText'),
    }),
    remove: (s) => write(['service', 'endpoint'], 'identity', 'DELETE', `/services/${s.id}`),
  });
  return (
    <ListTable<Service>
      id="catalog-services"
      title={t('services')}
      query={useServices()}
      columns={[
        column.name(),
        column.text('type', t('type'), (s) => s.type),
        column.enabled(),
        column.description(),
        column.id(),
      ]}
      actions={actions}
      create={{ text: t('addService'), form: (close) => <ServiceForm onClose={close} /> }}
      empty={{ title: t('noServices') }}
      dialog={dialog}
    />
  );
}

type RegionRow = Region & { name: string };

function Regions() {
  const { t } = useTranslation('catalog');
  const column = useColumns<RegionRow>();
  const query = useRegions();
  const { actions, dialog } = useEditDelete<RegionRow>({
    edit: (before, close) => <RegionForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.id }),
      body: t('deleteRegionText'),
    }),
    remove: (r) => write(['region'], 'identity', 'DELETE', `/regions/${pathPart(r.id)}`),
  });
  return (
    <ListTable<RegionRow>
      id="catalog-regions"
      title={t('regions')}
      query={{ ...query, data: query.data?.map((r) => ({ ...r, name: r.id })) }}
      columns={[column.name(), column.text('parent', t('parent'), (r) => r.parent_region_id), column.description()]}
      actions={actions}
      create={{ text: t('addRegion'), form: (close) => <RegionForm onClose={close} /> }}
      empty={{ title: t('noRegions') }}
      dialog={dialog}
    />
  );
}
