import { useQuery } from '@tanstack/react-query';
import { endpoint, headersFor, type RequestOptions, raw, type ServiceType } from '~/api/client';
import { messageOf } from '~/api/error';
import { lookEvery } from '~/api/health';

/** How long a service may take to answer before it counts as broken, in ms. */
const patience = 10_000;

/** What came of one question to a service. */
export interface Answered {
  ok: boolean;
  milliseconds: number;
  /** Why it counts as broken. */
  reason?: string;
}

export interface ServiceCheck {
  type: ServiceType;
  document: Answered;
  list: Answered;
  /** The newest version of the API that the document names. */
  version: string;
  /** The oldest microversion, where there are such. */
  oldest: string;
}

/** A cheap question that needs a token, the database and the service's own tables. */
const cheap: Record<ServiceType, { path: string; query?: RequestOptions['query'] }> = {
  identity: { path: '/projects', query: { limit: 1 } },
  compute: { path: '/servers', query: { limit: 1 } },
  image: { path: '/images', query: { limit: 1 } },
  network: { path: '/networks', query: { limit: 1, fields: 'id' } },
  placement: { path: '/resource_providers', query: { name: '-' } },
};
export const serviceTypes = Object.keys(cheap) as ServiceType[];

interface VersionEntry {
  id: string;
  status?: string;
  version?: string;
  max_version?: string;
  min_version?: string;
}

/** versionsOf reads a version document: each service has its own form. */
export function versionsOf(document: unknown): { newest: string; oldest: string } {
  const doc = document as { versions?: VersionEntry[] | { values: VersionEntry[] }; version?: VersionEntry };
  const list = Array.isArray(doc.versions)
    ? doc.versions
    : (doc.versions?.values ?? (doc.version ? [doc.version] : []));
  const now = list.find((v) => v.status?.toUpperCase() === 'CURRENT') ?? list[0];
  return { newest: now?.max_version || now?.version || now?.id || '', oldest: now?.min_version || '' };
}

/**
 * tookOf is how long the newest request to a path took on the wire, in ms: a page that is busy notices an answer late. Undefined
 * where the browser has kept no note of it.
 */
export function tookOf(path: string): number | undefined {
  const found = performance
    .getEntriesByType('resource')
    .filter((e) => new URL(e.name).pathname === path)
    .at(-1) as PerformanceResourceTiming | undefined;
  return found && found.responseEnd > 0 && found.requestStart > 0 ? found.responseEnd - found.requestStart : undefined;
}

/** timed asks, and takes a failure for an answer. */
export async function timed<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  now: () => number = () => performance.now(),
): Promise<{ answered: Answered; value?: T }> {
  const began = now();
  try {
    const value = await ask(AbortSignal.timeout(patience));
    return { answered: { ok: true, milliseconds: now() - began }, value };
  } catch (error) {
    return { answered: { ok: false, milliseconds: now() - began, reason: messageOf(error) } };
  }
}

/** root is where a service's version document is: the endpoint without the version that the client adds. */
const root = (type: ServiceType): string => endpoint(type).replace(/\/v[\d.]+$/, '');

async function document(type: ServiceType, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(`${root(type)}/`, { headers: headersFor(type), signal });
  // Identity and image answer 300: there is a choice of versions.
  if (!answer.ok && answer.status !== 300) throw new Error(`HTTP ${answer.status} ${answer.statusText}`);
  return answer.json();
}

export async function checkService(type: ServiceType): Promise<ServiceCheck> {
  const { path, query } = cheap[type];
  const doc = await timed((signal) => document(type, signal));
  const list = await timed((signal) => raw(type, 'GET', path, { query, signal }).then((a) => a.text()));
  if (doc.answered.ok) doc.answered.milliseconds = tookOf(`${root(type)}/`) ?? doc.answered.milliseconds;
  if (list.answered.ok) list.answered.milliseconds = tookOf(endpoint(type) + path) ?? list.answered.milliseconds;
  const { newest, oldest } = versionsOf(doc.value ?? {});
  return { type, document: doc.answered, list: list.answered, version: newest, oldest };
}

/** useChecks asks every service of the catalog, again and again. */
export const useChecks = () =>
  useQuery({
    queryKey: ['system', 'checks'],
    queryFn: () => {
      performance.clearResourceTimings(); // browsers keep only so many
      return Promise.all(serviceTypes.map(checkService));
    },
    refetchInterval: lookEvery,
  });
