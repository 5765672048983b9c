import { ApiError, readError } from './error';
import { session } from './session';

/** Types of services in the catalog. */
export type ServiceType = 'identity' | 'compute' | 'image' | 'network' | 'placement';

export interface RequestOptions {
  query?: Record<string, string | number | boolean | string[] | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Microversion of this request; the service's newest offered one is used else where it has them. */
  version?: string;
}

const microversions: Partial<Record<ServiceType, [header: string, version: string]>> = {
  compute: ['compute', '2.96'],
  placement: ['placement', '1.39'],
};

/** Where a service is, below this page's own origin: the dashboard speaks only to the cloud that serves it. */
export function endpoint(service: ServiceType): string {
  const now = session.current;
  const entry = now?.body.catalog?.find((e) => e.type === service);
  const chosen = entry?.endpoints.find((e) => e.interface === 'public' && e.region_id === now?.region);
  if (!chosen) throw new ApiError(0, `The catalog has no ${service} service in this region.`);
  let path = new URL(chosen.url, location.origin).pathname.replace(/\/$/, '');
  if (service === 'identity' && !path.endsWith('/v3')) path += '/v3';
  if (service === 'network' && !path.endsWith('/v2.0')) path += '/v2.0';
  if (service === 'image' && !path.endsWith('/v2')) path += '/v2';
  return path;
}

export function urlOf(service: ServiceType, path: string, query?: RequestOptions['query']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (Array.isArray(value)) for (const one of value) search.append(name, one);
    else if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const tail = search.toString();
  return endpoint(service) + path + (tail ? `?${tail}` : '');
}

/** pathPart writes a name as one part of a path; what a path may hold (RFC 3986, 3.3) stays as it is: hw:cpu, me@host. */
export const pathPart = (name: string): string =>
  encodeURIComponent(name).replace(/%(24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent);

export function headersFor(service: ServiceType, options: RequestOptions = {}): Record<string, string> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (session.current) headers['X-Auth-Token'] = session.current.token;
  const micro = microversions[service];
  if (micro) headers['OpenStack-API-Version'] = `${micro[0]} ${options.version ?? micro[1]}`;
  return headers;
}

type ReachListener = (reachable: boolean) => void;
const reachListeners = new Set<ReachListener>();
let reachable = true;

/** Whether the cloud answered the last request. */
export const reach = {
  get: (): boolean => reachable,
  subscribe(listener: ReachListener): () => void {
    reachListeners.add(listener);
    return () => reachListeners.delete(listener);
  },
  note(now: boolean): void {
    if (now === reachable) return;
    reachable = now;
    for (const listener of reachListeners) listener(now);
  },
};

/** The type of the error of a request whose user has logged out or gone to another project. */
export const ownerGone = 'owner-gone';

/**
 * raw sends a request and waits for a new session when the token is refused. Throws ApiError for what is not 2xx, and of type
 * ownerGone rather than send it for somebody else.
 */
export async function raw(
  service: ServiceType,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Response> {
  const owner = session.owner;
  for (;;) {
    if (!session.current || session.owner !== owner) throw new ApiError(401, 'The session has ended.', ownerGone);
    const { token } = session.current;
    const headers = headersFor(service, options);
    let body: BodyInit | undefined;
    if (options.body !== undefined) {
      headers['Content-Type'] ??= 'application/json';
      body = options.body instanceof Blob ? options.body : JSON.stringify(options.body);
    }
    let answer: Response;
    try {
      answer = await fetch(urlOf(service, path, options.query), { method, headers, body, signal: options.signal });
    } catch (cause) {
      if (options.signal?.aborted || cause instanceof ApiError) throw cause;
      reach.note(false);
      throw new ApiError(0, String(cause));
    }
    reach.note(true);
    if (answer.status === 401) {
      if (session.current?.token === token) await session.expire();
      continue;
    }
    if (!answer.ok) {
      throw readError(answer.status, await answer.text(), answer.headers.get('X-Openstack-Request-Id') ?? '');
    }
    return answer;
  }
}

/** call is raw with a JSON answer; an empty one is undefined. */
export async function call<T>(
  service: ServiceType,
  method: string,
  path: string,
  options?: RequestOptions,
): Promise<T> {
  const answer = await raw(service, method, path, options);
  const content = await answer.text();
  return (content ? JSON.parse(content) : undefined) as T;
}

/** collect follows a collection's links to its end. */
export async function collect<T>(
  service: ServiceType,
  path: string,
  key: string,
  options: RequestOptions = {},
): Promise<T[]> {
  const found: T[] = [];
  let query = options.query;
  for (;;) {
    const page = await call<Record<string, unknown>>(service, 'GET', path, { ...options, query });
    const items = (page[key] ?? []) as T[];
    found.push(...items);
    const next = nextQuery(page, key);
    if (!next || items.length === 0) return found;
    query = next;
  }
}

/** nextQuery reads the link to the next page: Nova's and Neutron's KEY_links, Keystone's links.next, Glance's next. */
function nextQuery(page: Record<string, unknown>, key: string): Record<string, string[]> | undefined {
  const links = (page[`${key}_links`] ?? []) as { rel: string; href: string }[];
  const keystone = page.links as { next?: string | null } | undefined;
  const href =
    links.find((l) => l.rel === 'next')?.href ??
    keystone?.next ??
    (typeof page.next === 'string' ? page.next : undefined);
  if (!href) return undefined;
  const query: Record<string, string[]> = {};
  for (const [name, value] of new URL(href, location.origin).searchParams)
    query[name] = [...(query[name] ?? []), value];
  return query;
}
