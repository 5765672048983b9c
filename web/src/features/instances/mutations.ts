import type { Server } from '~/api/compute';
import { write } from '~/api/write';

const act = <T = void>(id: string, action: Record<string, unknown>) =>
  write<T>(['server'], 'compute', 'POST', `/servers/${id}/action`, action);

export const startServer = (id: string) => act(id, { 'os-start': null });
export const stopServer = (id: string) => act(id, { 'os-stop': null });
export const rebootServer = (id: string, type: 'SOFT' | 'HARD') => act(id, { reboot: { type } });
export const pauseServer = (id: string) => act(id, { pause: null });
export const unpauseServer = (id: string) => act(id, { unpause: null });
/** dumpServer interrupts the guest, which dumps its memory if it is set up to. */
export const dumpServer = (id: string) => act(id, { trigger_crash_dump: null });
export const suspendServer = (id: string) => act(id, { suspend: null });
export const resumeServer = (id: string) => act(id, { resume: null });
export const shelveServer = (id: string) => act(id, { shelve: null });
export const offloadServer = (id: string) => act(id, { shelveOffload: null });
/** restoreServer brings back one that was deleted and is kept for a while. */
export const restoreServer = (id: string) => act(id, { restore: null });
/** An empty zone leaves the zone as it is. */
export const unshelveServer = (id: string, zone = '') =>
  act(id, { unshelve: zone ? { availability_zone: zone } : null });
/** rescueServer gives the password that it has the guest take; an empty image is the server's own. */
export const rescueServer = (id: string, image: string, password: string): Promise<string> =>
  act<{ adminPass: string }>(id, {
    rescue: { ...(image && { rescue_image_ref: image }), ...(password && { adminPass: password }) },
  }).then((a) => a.adminPass);
export const unrescueServer = (id: string) => act(id, { unrescue: null });
/** rebuildServer gives the password that it has the guest take. */
export const rebuildServer = (id: string, request: Record<string, unknown>): Promise<string> =>
  act<{ server: { adminPass: string } }>(id, { rebuild: request }).then((a) => a.server.adminPass);
export const resizeServer = (id: string, flavor: string) => act(id, { resize: { flavorRef: flavor } });
export const confirmResize = (id: string) => act(id, { confirmResize: null });
export const revertResize = (id: string) => act(id, { revertResize: null });
/** An empty host is the scheduler's choice. */
export const evacuateServer = (id: string, host: string) => act(id, { evacuate: host ? { host } : {} });

const imageAct = (id: string, action: Record<string, unknown>) =>
  write(['server', 'image'], 'compute', 'POST', `/servers/${id}/action`, action);

export const snapshotServer = (id: string, name: string, metadata: Record<string, string>) =>
  imageAct(id, { createImage: { name: name.trim(), metadata } });
/** backupServer makes an image and deletes all but the newest `rotation` of its type. */
export const backupServer = (id: string, name: string, type: string, rotation: number) =>
  imageAct(id, { createBackup: { name: name.trim(), backup_type: type, rotation, metadata: {} } });

/** What a server gets one more interface by: a port that is there, or a network with an address or any. */
export type Attachment = { port: string } | { network: string; address: string };

export const attachInterface = (id: string, wanted: Attachment) =>
  write(['server', 'port'], 'compute', 'POST', `/servers/${id}/os-interface`, {
    interfaceAttachment:
      'port' in wanted
        ? { port_id: wanted.port }
        : { net_id: wanted.network, ...(wanted.address && { fixed_ips: [{ ip_address: wanted.address }] }) },
  });
export const detachInterface = (id: string, port: string) =>
  write(['server', 'port'], 'compute', 'DELETE', `/servers/${id}/os-interface/${port}`);

export const clearGuestPassword = (id: string) =>
  write(['server'], 'compute', 'DELETE', `/servers/${id}/os-server-password`);

export const lockServer = (id: string, reason = '') => act(id, { lock: reason ? { locked_reason: reason } : null });
export const unlockServer = (id: string) => act(id, { unlock: null });
export const resetState = (id: string, state: 'active' | 'error') => act(id, { 'os-resetState': { state } });

export const deleteServer = (id: string) => write(['server'], 'compute', 'DELETE', `/servers/${id}`);

/** forceDeleteServer deletes for good one that was deleted and is kept for a while. */
export const forceDeleteServer = (id: string) => act(id, { forceDelete: null });

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
