import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import TokenGroup from '@cloudscape-design/components/token-group';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router-dom';
import { useServers } from '~/api/compute';
import { type Capacity, useAllocations, useCapacity, useProviders, useTraits } from '~/api/placement';
import { shareOf } from '~/features/hosts/capacity';
import { formatNumber, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';

/** What a provider has, what is promised of it and to whom, and what it can do. */
export default function ProviderPage() {
  const { t } = useTranslation('admin');
  const { id = '' } = useParams();
  const provider = useProviders().data?.find((p) => p.uuid === id);
  const name = provider ? nameOf(provider) : id;
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.placement'), href: '/resource-providers' },
          { text: name, href: `/resource-providers/${id}` },
        ]}
      />
      <SpaceBetween size="l">
        <Header variant="h1" description={id}>
          {name}
        </Header>
        <Loaded query={useCapacity(id)}>{(capacity) => <Inventories capacity={capacity} />}</Loaded>
        <Allocations id={id} />
        <Container header={<Header variant="h2">{t('placement.traits')}</Header>}>
          <Loaded query={useTraits(id)}>
            {(traits) =>
              traits.length === 0 ? (
                <Box color="text-body-secondary">{t('placement.noTraits')}</Box>
              ) : (
                <TokenGroup readOnly limit={30} items={traits.map((label) => ({ label }))} />
              )
            }
          </Loaded>
        </Container>
      </SpaceBetween>
    </>
  );
}

function Inventories({ capacity }: { capacity: Record<string, Capacity> }) {
  const { t } = useTranslation('admin');
  const rows = Object.entries(capacity).map(([name, c]) => ({ name, ...c, ...shareOf(c) }));
  return (
    <Table
      items={rows}
      trackBy="name"
      header={<Header variant="h2">{t('placement.inventories')}</Header>}
      empty={t('placement.noInventories')}
      ariaLabels={{ tableLabel: t('placement.inventories') }}
      columnDefinitions={[
        { id: 'name', header: t('placement.class'), cell: (r) => r.name, isRowHeader: true },
        { id: 'used', header: t('placement.used'), cell: (r) => formatNumber(r.used) },
        { id: 'usable', header: t('placement.usable'), cell: (r) => formatNumber(r.usable) },
        { id: 'total', header: t('placement.total'), cell: (r) => formatNumber(r.total) },
        { id: 'reserved', header: t('placement.reserved'), cell: (r) => formatNumber(r.reserved) },
        { id: 'ratio', header: t('placement.ratio'), cell: (r) => formatNumber(r.allocation_ratio, 2) },
        {
          id: 'unit',
          header: t('placement.unit'),
          cell: (r) =>
            t('placement.unitOf', {
              min: formatNumber(r.min_unit),
              max: formatNumber(r.max_unit),
              step: formatNumber(r.step_size),
            }),
        },
      ]}
    />
  );
}

function Allocations({ id }: { id: string }) {
  const { t } = useTranslation('admin');
  const servers = useServers(true).data;
  return (
    <Loaded query={useAllocations(id)}>
      {(allocations) => (
        <Table
          items={Object.entries(allocations).map(([consumer, { resources }]) => ({
            consumer,
            server: servers?.find((s) => s.id === consumer),
            resources,
          }))}
          trackBy="consumer"
          header={
            <Header variant="h2" counter={`(${Object.keys(allocations).length})`}>
              {t('placement.allocations')}
            </Header>
          }
          empty={t('placement.noAllocations')}
          ariaLabels={{ tableLabel: t('placement.allocations') }}
          columnDefinitions={[
            {
              id: 'consumer',
              header: t('placement.consumer'),
              isRowHeader: true,
              cell: (a) => (a.server ? <Go to={`/instances/${a.consumer}`}>{nameOf(a.server)}</Go> : a.consumer),
            },
            {
              id: 'resources',
              header: t('placement.has'),
              cell: (a) =>
                Object.entries(a.resources)
                  .map(([name, amount]) => `${name} ${formatNumber(amount)}`)
                  .join(', '),
            },
          ]}
        />
      )}
    </Loaded>
  );
}
