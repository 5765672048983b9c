import { useQuery } from '@tanstack/react-query';
import { call } from './client';

/** What one server took in a period; memory in MiB, disk in GiB (API ref: usage reports). */
export interface ServerUsage {
  instance_id: string;
  name: string;
  flavor: string;
  state: string;
  hours: number;
  vcpus: number;
  memory_mb: number;
  local_gb: number;
  started_at: string | null;
  ended_at: string | null;
  uptime: number;
}

/** What the servers of a project took in a period: sums of hours, and of hours by what the servers had. */
export interface ProjectUsage {
  tenant_id: string;
  total_hours: number;
  total_vcpus_usage: number;
  total_memory_mb_usage: number;
  total_local_gb_usage: number;
  server_usages?: ServerUsage[];
}

/** The version before usages came in pages, so that each project's sums are whole. */
const whole = '2.39';

/** Times of a period, as the API reads them: UTC without a zone. */
export interface Period {
  start: string;
  end: string;
}

/** Usage of all projects; for administrators. */
export const useUsages = (period: Period) =>
  useQuery({
    queryKey: ['usage', 'projects', period],
    queryFn: () =>
      call<{ tenant_usages: ProjectUsage[] }>('compute', 'GET', '/os-simple-tenant-usage', {
        query: { ...period },
        version: whole,
      }).then((a) => a.tenant_usages),
  });

export const useProjectUsage = (project: string, period: Period) =>
  useQuery({
    queryKey: ['usage', 'project', project, period],
    queryFn: () =>
      call<{ tenant_usage: Partial<ProjectUsage> }>('compute', 'GET', `/os-simple-tenant-usage/${project}`, {
        query: { ...period },
        version: whole,
      }).then((a) => a.tenant_usage.server_usages ?? []),
    enabled: project !== '',
  });
