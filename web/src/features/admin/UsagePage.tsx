import Button from '@cloudscape-design/components/button';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router-dom';
import { type Period, type ProjectUsage, type ServerUsage, useProjectUsage, useUsages } from '~/api/usage';
import { useProjectName } from '~/features/identity/names';
import { download } from '~/ui/download';
import { formatGiB, formatMiB, formatNumber, formatTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { csvOf, type PeriodName, periodOf, periods } from './period';

type Row = ProjectUsage & { id: string; name: string };

const hours = (n: number): string => formatNumber(n, 1);

/** What the instances of projects took in a period. */
export default function UsagePage() {
  const { t } = useTranslation('admin');
  const [params, setParams] = useSearchParams();
  const asked = params.get('period');
  const name: PeriodName = periods.find((p) => p === asked) ?? 'month';
  const project = params.get('project') ?? '';
  // A period ends when the page was opened: another end with each drawing would be another question each time.
  const [now] = useState(() => new Date());
  const period = useMemo(() => periodOf(name, now), [name, now]);
  const set = (key: string, value: string) =>
    setParams(
      (before) => {
        before.set(key, value);
        if (!value) before.delete(key);
        return before;
      },
      { replace: key === 'period' },
    );
  const title = t('common:nav.items.usage');
  const projectName = useProjectName();
  return (
    <>
      <Crumbs
        trail={[
          { text: title, href: '/usage' },
          ...(project
            ? [{ text: projectName(project), href: `/usage?period=${name}&project=${encodeURIComponent(project)}` }]
            : []),
        ]}
      />
      <SpaceBetween size="l">
        <SegmentedControl
          label={t('usage.which')}
          selectedId={name}
          onChange={({ detail }) => set('period', detail.selectedId)}
          options={periods.map((id) => ({ id, text: t(`usage.period.${id}`) }))}
        />
        {project ? (
          <ServersUsage project={project} name={projectName(project)} period={period} />
        ) : (
          <ProjectsUsage period={period} of={projectName} show={(id) => `/usage?period=${name}&project=${id}`} />
        )}
      </SpaceBetween>
    </>
  );
}

interface ProjectsProps {
  period: Period;
  of(id: string): string;
  show(id: string): string;
}

function ProjectsUsage({ period, of, show }: ProjectsProps) {
  const { t } = useTranslation('admin');
  const query = useUsages(period);
  const rows = query.data?.map((u): Row => ({ ...u, id: u.tenant_id, name: of(u.tenant_id) }));
  const columns: Column<Row>[] = [
    { id: 'name', header: t('common:project'), cell: (u) => <Go to={show(u.id)}>{u.name}</Go>, value: (u) => u.name },
    { id: 'hours', header: t('usage.hours'), cell: (u) => hours(u.total_hours), value: (u) => u.total_hours },
    {
      id: 'vcpus',
      header: t('usage.vcpuHours'),
      cell: (u) => hours(u.total_vcpus_usage),
      value: (u) => u.total_vcpus_usage,
    },
    {
      id: 'ram',
      header: t('usage.ramHours'),
      cell: (u) => hours(u.total_memory_mb_usage / 1024),
      value: (u) => u.total_memory_mb_usage,
    },
    {
      id: 'disk',
      header: t('usage.diskHours'),
      cell: (u) => hours(u.total_local_gb_usage),
      value: (u) => u.total_local_gb_usage,
    },
    { id: 'id', header: t('common:id'), cell: (u) => u.id, value: (u) => u.id, visible: false },
  ];
  const csv = () =>
    csvOf([
      [
        t('common:project'),
        t('common:id'),
        ...['hours', 'vcpuHours', 'ramHours', 'diskHours'].map((k) => t(`usage.${k}`)),
      ],
      ...(rows ?? []).map((u) => [
        u.name,
        u.id,
        u.total_hours,
        u.total_vcpus_usage,
        u.total_memory_mb_usage / 1024,
        u.total_local_gb_usage,
      ]),
    ]);
  return (
    <ResourceTable
      id="usage"
      title={t('common:nav.items.usage')}
      description={spanOf(t, period)}
      query={{ ...query, data: rows }}
      columns={columns}
      buttons={<Save rows={rows?.length ?? 0} name={`usage-${period.start.slice(0, 10)}.csv`} csv={csv} />}
      empty={{ title: t('usage.empty'), text: t('usage.emptyText') }}
    />
  );
}

const spanOf = (t: (key: string, values?: Record<string, string>) => string, { start, end }: Period): string =>
  t('usage.span', { from: formatTime(start), to: formatTime(end) });

function Save({ rows, name, csv }: { rows: number; name: string; csv(): string }) {
  const { t } = useTranslation('admin');
  return (
    <Button iconName="download" disabled={rows === 0} onClick={() => download(name, csv(), 'text/csv')}>
      {t('usage.save')}
    </Button>
  );
}

type ServerRow = ServerUsage & { id: string };

function ServersUsage({ project, name, period }: { project: string; name: string; period: Period }) {
  const { t } = useTranslation('admin');
  const query = useProjectUsage(project, period);
  const rows = query.data?.map((u): ServerRow => ({ ...u, id: u.instance_id }));
  const columns: Column<ServerRow>[] = [
    {
      id: 'name',
      header: t('usage.instance'),
      cell: (u) => (u.ended_at ? u.name : <Go to={`/instances/${u.id}`}>{u.name}</Go>),
      value: (u) => u.name,
      width: 220,
    },
    { id: 'flavor', header: t('usage.flavor'), cell: (u) => u.flavor, value: (u) => u.flavor, width: 150 },
    { id: 'hours', header: t('usage.hours'), cell: (u) => hours(u.hours), value: (u) => u.hours, width: 120 },
    { id: 'vcpus', header: t('usage.vcpus'), cell: (u) => u.vcpus, value: (u) => u.vcpus, width: 100 },
    { id: 'ram', header: t('usage.ram'), cell: (u) => formatMiB(u.memory_mb), value: (u) => u.memory_mb, width: 110 },
    { id: 'disk', header: t('usage.disk'), cell: (u) => formatGiB(u.local_gb), value: (u) => u.local_gb, width: 110 },
    {
      id: 'started',
      header: t('usage.started'),
      cell: (u) => formatTime(u.started_at),
      value: (u) => u.started_at,
      width: 190,
    },
    {
      id: 'ended',
      header: t('usage.ended'),
      cell: (u) => (u.ended_at ? formatTime(u.ended_at) : t('usage.still')),
      value: (u) => u.ended_at,
      width: 190,
    },
    { id: 'id', header: t('common:id'), cell: (u) => u.id, value: (u) => u.id, visible: false, width: 310 },
  ];
  return (
    <ResourceTable
      id="usage-project"
      title={t('usage.of', { name })}
      description={spanOf(t, period)}
      query={{ ...query, data: rows }}
      columns={columns}
      empty={{ title: t('usage.empty'), text: t('usage.emptyText') }}
    />
  );
}
