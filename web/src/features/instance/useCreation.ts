import { type InstanceAction, type Server, useServerAction, useServerActions } from '~/api/compute';

/** useCreation is the action that made a server, with its events; again: see useServerAction. */
export function useCreation(server: Server, again?: (creation?: InstanceAction) => number | false) {
  const actions = useServerActions(server.id);
  const request = actions.data?.find((a) => a.action === 'create')?.request_id ?? '';
  return { actions, request, action: useServerAction(server.id, request, again) };
}
