import type { Server } from '~/api/compute';
import { write } from '~/api/write';

const act = (id: string, action: Record<string, unknown>) =>
  write(['server'], 'compute', 'POST', `/servers/${id}/action`, action);

export const startServer = (id: string) => act(id, { 'os-start': null });
export const stopServer = (id: string) => act(id, { 'os-stop': null });
export const rebootServer = (id: string, type: 'SOFT' | 'HARD') => act(id, { reboot: { type } });
export const lockServer = (id: string, reason = '') => act(id, { lock: reason ? { locked_reason: reason } : null });
export const unlockServer = (id: string) => act(id, { unlock: null });
export const resetState = (id: string, state: 'active' | 'error') => act(id, { 'os-resetState': { state } });

export const deleteServer = (id: string) => write(['server'], 'compute', 'DELETE', `/servers/${id}`);

/** An empty description is none. */
export const updateServer = (id: string, change: { name: string; description: string }) =>
  write(['server'], 'compute', 'PUT', `/servers/${id}`, {
    server: { name: change.name.trim(), description: change.description.trim() || null },
  });

export const replaceMetadata = (id: string, metadata: Record<string, string>) =>
  write(['server'], 'compute', 'PUT', `/servers/${id}/metadata`, { metadata });

export const replaceTags = (id: string, tags: string[]) =>
  write(['server'], 'compute', 'PUT', `/servers/${id}/tags`, { tags });

/** createServers asks for servers; the answer names the first of them. */
export const createServers = (request: Record<string, unknown>): Promise<string> =>
  write<{ server: Pick<Server, 'id'> }>(['server'], 'compute', 'POST', '/servers', request).then((a) => a.server.id);
