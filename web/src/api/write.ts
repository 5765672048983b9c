import { queries } from '~/app/queries';
import { call, type RequestOptions, type ServiceType } from './client';

/** stale makes what is on the screen of some resources be asked again at once; other sessions learn of it by the event. */
export function stale(resources: string[]): void {
  for (const resource of resources) void queries.invalidateQueries({ queryKey: [resource] });
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
