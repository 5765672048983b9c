import { queries } from '~/app/queries';
import { askAgain } from './again';
import { call, type RequestOptions, type ServiceType } from './client';
import { shownBy } from './shows';

/** Writes that end within this time, in ms, lead to one question: many things may be written at once. */
const gather = 100;

const waiting = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** stale makes what is on the screen of some resources, and of what shows them, be asked again; other sessions learn of it by the event. */
export function stale(resources: string[]): void {
  for (const resource of resources) for (const old of [resource, ...shownBy(resource)]) waiting.add(old);
  if (timer) return;
  timer = setTimeout(() => {
    timer = undefined;
    const now = new Set(waiting);
    waiting.clear();
    askAgain(queries, ({ queryKey: [resource] }) => now.has(String(resource)));
  }, gather);
}

/** write changes something; what shows the resources is asked again, after a refusal too: it may mean that they are old. */
export async function write<T = void>(
  resources: string[],
  service: ServiceType,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  options?: RequestOptions,
): Promise<T> {
  try {
    return await call<T>(service, method, path, { ...options, body });
  } finally {
    stale(resources);
  }
}
