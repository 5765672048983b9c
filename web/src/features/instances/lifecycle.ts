import type { Server } from '~/api/compute';
import type { Action } from '~/ui/actions';
import {
  confirmResize,
  deleteServer,
  dumpServer,
  forceDeleteServer,
  lockServer,
  offloadServer,
  pauseServer,
  rebootServer,
  resetState,
  restoreServer,
  resumeServer,
  revertResize,
  shelveServer,
  startServer,
  stopServer,
  suspendServer,
  unlockServer,
  unpauseServer,
  unrescueServer,
} from './mutations';

/** What can be done to a server, as far as its state has a say in it. */
export type Operation =
  | 'start'
  | 'stop'
  | 'reboot'
  | 'hardReboot'
  | 'dump'
  | 'pause'
  | 'unpause'
  | 'suspend'
  | 'resume'
  | 'shelve'
  | 'offload'
  | 'unshelve'
  | 'restore'
  | 'rescue'
  | 'unrescue'
  | 'rebuild'
  | 'resize'
  | 'confirmResize'
  | 'revertResize'
  | 'snapshot'
  | 'backup'
  | 'interfaces'
  | 'evacuate'
  | 'password'
  | 'lock'
  | 'unlock'
  | 'resetState'
  | 'delete'
  | 'edit'
  | 'metadata'
  | 'tags';

/** Why it cannot be done now: a word of `refused`, and what is to be filled in. */
export interface Refusal {
  word: 'state' | 'task' | 'locked' | 'notLocked' | 'alreadyLocked' | 'noHost' | 'neverRan' | 'hostUp' | 'admin';
  state?: string;
  task?: string;
}

interface Rule {
  /** vm_state must be one of these, if any are named. */
  states?: string[];
  /** task_state must be one of these, if any are named. */
  tasks?: (string | null)[];
  /** Goes on although the server is locked. */
  despiteLock?: boolean;
  /** The server may be on no host. */
  anywhere?: boolean;
  admin?: boolean;
}

/** Servers that have a disk that stands still or can be copied while it is written to. */
const imageable = ['active', 'stopped', 'paused', 'suspended'];

// The Compute API's own rules; a rule that is missing here would lead to a refusal, one too many to a button that is grey for nothing.
const rules: Record<Operation, Rule> = {
  start: { states: ['stopped'], tasks: [null] },
  stop: { states: ['active', 'error'], tasks: [null] },
  reboot: { states: ['active'], tasks: [null] },
  hardReboot: {
    states: ['active', 'stopped', 'paused', 'suspended', 'error'],
    tasks: [null, 'rebooting', 'rebooting_hard'],
  },
  dump: { states: ['active', 'paused', 'rescued', 'resized', 'error'], tasks: [null] },
  pause: { states: ['active'], tasks: [null] },
  unpause: { states: ['paused'], tasks: [null] },
  suspend: { states: ['active'], tasks: [null] },
  resume: { states: ['suspended'], tasks: [null] },
  shelve: { states: imageable, tasks: [null] },
  offload: { states: ['shelved'], tasks: [null], admin: true },
  unshelve: { states: ['shelved', 'shelved_offloaded'], tasks: [null], anywhere: true },
  restore: { states: ['soft-delete'], tasks: [null], anywhere: true },
  rescue: { states: ['active', 'stopped', 'error'], tasks: [null] },
  // One whose rescue failed is in error; the API does not tell which those are.
  unrescue: { states: ['rescued', 'error'], tasks: [null] },
  rebuild: { states: ['active', 'stopped', 'error'], tasks: [null] },
  resize: { states: ['active', 'stopped'], tasks: [null] },
  confirmResize: { states: ['resized'], tasks: [null] },
  revertResize: { states: ['resized'], tasks: [null] },
  snapshot: { states: imageable, tasks: [null], despiteLock: true },
  backup: { states: imageable, tasks: [null], despiteLock: true },
  interfaces: { states: ['active', 'paused', 'stopped'], tasks: [null] },
  evacuate: { states: ['active', 'stopped', 'error'], tasks: [null], admin: true },
  password: { despiteLock: true },
  lock: { despiteLock: true },
  unlock: { despiteLock: true },
  resetState: { despiteLock: true, admin: true },
  delete: {},
  edit: { despiteLock: true },
  metadata: { states: imageable },
  tags: { states: imageable, despiteLock: true },
};

type Known = Pick<
  Server,
  | 'status'
  | 'locked'
  | 'hostId'
  | 'host_status'
  | 'OS-EXT-STS:vm_state'
  | 'OS-EXT-STS:task_state'
  | 'OS-SRV-USG:launched_at'
>;

/** Operations on machines that have run before. */
const afterwards: Operation[] = ['hardReboot', 'rescue', 'dump'];

/** refusalOf tells why an operation is refused in the state that a server is in; undefined when it is not. */
export function refusalOf(server: Known, operation: Operation, { isAdmin }: { isAdmin: boolean }): Refusal | undefined {
  const rule = rules[operation];
  const task = server['OS-EXT-STS:task_state'];
  if (rule.admin && !isAdmin) return { word: 'admin' };
  if (server.locked && !rule.despiteLock && !isAdmin) return { word: 'locked' };
  if (operation === 'lock' && server.locked) return { word: 'alreadyLocked' };
  if (operation === 'unlock' && !server.locked) return { word: 'notLocked' };
  if (rule.states && !rule.states.includes(server['OS-EXT-STS:vm_state']))
    return { word: 'state', state: server.status };
  if (rule.tasks && !rule.tasks.includes(task)) return { word: 'task', task: task ?? '' };
  if (rule.states && !rule.anywhere && !server.hostId) return { word: 'noHost' };
  if (afterwards.includes(operation) && !server['OS-SRV-USG:launched_at']) return { word: 'neverRan' };
  if (operation === 'evacuate' && server.host_status === 'UP') return { word: 'hostUp' };
  return undefined;
}

/** A translator whose words are those of the namespace `instances`, or can be asked for them. */
export type Words = (key: string, values?: Record<string, unknown>) => string;

export const floatingIPsOf = (servers: Server[]): string[] =>
  servers.flatMap((s) =>
    Object.values(s.addresses)
      .flat()
      .filter((a) => a['OS-EXT-IPS:type'] === 'floating')
      .map((a) => a.addr),
  );

const named = 8;

const shortList = (texts: string[]): string => texts.slice(0, named).join(', ') + (texts.length > named ? ', …' : '');

/** refusedWords puts a refusal into words. */
export function refusedWords(t: Words, server: Server, operation: Operation, isAdmin: boolean): string | undefined {
  const why = refusalOf(server, operation, { isAdmin });
  if (!why) return undefined;
  return t(`instances:refused.${why.word}`, {
    name: server.name,
    state: why.state === undefined ? '' : t(`common:status.${why.state}`, { defaultValue: why.state }),
    task: why.task === undefined ? '' : t(`instances:task.${why.task}`, { defaultValue: why.task }),
  });
}

/**
 * What can be done to servers without a dialog of its own, in the order of a menu, for the list and for the page of one server.
 * Use it with useTranslation('instances'), or with it among several namespaces.
 */
export function serverActions(t: Words, { isAdmin }: { isAdmin: boolean }): Action<Server>[] {
  const refused = (operation: Operation) => (server: Server) => refusedWords(t, server, operation, isAdmin);
  const asks = (word: string, values?: (servers: Server[]) => Record<string, unknown>) => (servers: Server[]) => ({
    title: t(`instances:${word}.title`, { count: servers.length, name: servers[0]?.name }),
    body: t(`instances:${word}.text`, { count: servers.length, ...values?.(servers) }),
  });
  const reset = (state: 'active' | 'error'): Action<Server> => ({
    id: `reset-${state}`,
    text: t(`instances:reset.${state}`),
    refused: refused('resetState'),
    question: asks('reset'),
    danger: true,
    run: (s) => resetState(s.id, state),
  });
  const inState =
    (...states: string[]) =>
    (servers: Server[]) =>
      servers.some((s) => states.includes(s['OS-EXT-STS:vm_state']));
  return [
    { id: 'start', text: t('instances:start'), refused: refused('start'), run: (s) => startServer(s.id) },
    {
      id: 'stop',
      text: t('instances:stop.action'),
      refused: refused('stop'),
      question: asks('stop'),
      run: (s) => stopServer(s.id),
    },
    {
      id: 'reboot',
      text: t('instances:reboot.action'),
      refused: refused('reboot'),
      question: asks('reboot'),
      run: (s) => rebootServer(s.id, 'SOFT'),
    },
    {
      id: 'hard-reboot',
      text: t('instances:hardReboot.action'),
      refused: refused('hardReboot'),
      question: asks('hardReboot'),
      danger: true,
      run: (s) => rebootServer(s.id, 'HARD'),
    },
    {
      id: 'dump',
      text: t('instances:dump.action'),
      refused: refused('dump'),
      question: asks('dump'),
      danger: true,
      run: (s) => dumpServer(s.id),
    },
    { id: 'pause', text: t('instances:pause'), refused: refused('pause'), run: (s) => pauseServer(s.id) },
    {
      id: 'unpause',
      text: t('instances:unpause'),
      fits: inState('paused'),
      refused: refused('unpause'),
      run: (s) => unpauseServer(s.id),
    },
    { id: 'suspend', text: t('instances:suspend'), refused: refused('suspend'), run: (s) => suspendServer(s.id) },
    {
      id: 'resume',
      text: t('instances:resume'),
      fits: inState('suspended'),
      refused: refused('resume'),
      run: (s) => resumeServer(s.id),
    },
    {
      id: 'shelve',
      text: t('instances:shelve.action'),
      refused: refused('shelve'),
      question: asks('shelve'),
      run: (s) => shelveServer(s.id),
    },
    {
      id: 'offload',
      text: t('instances:offload.action'),
      fits: (servers) => isAdmin && inState('shelved')(servers),
      refused: refused('offload'),
      question: asks('offload'),
      run: (s) => offloadServer(s.id),
    },
    {
      id: 'restore',
      text: t('instances:restore'),
      fits: inState('soft-delete'),
      refused: refused('restore'),
      run: (s) => restoreServer(s.id),
    },
    {
      id: 'unrescue',
      text: t('instances:unrescue.action'),
      fits: inState('rescued', 'error'),
      refused: refused('unrescue'),
      question: asks('unrescue'),
      run: (s) => unrescueServer(s.id),
    },
    {
      id: 'confirm-resize',
      text: t('instances:confirmResize.action'),
      fits: inState('resized'),
      refused: refused('confirmResize'),
      question: asks('confirmResize'),
      run: (s) => confirmResize(s.id),
    },
    {
      id: 'revert-resize',
      text: t('instances:revertResize.action'),
      fits: inState('resized'),
      refused: refused('revertResize'),
      question: asks('revertResize'),
      danger: true,
      run: (s) => revertResize(s.id),
    },
    { id: 'lock', text: t('instances:lock'), refused: refused('lock'), run: (s) => lockServer(s.id) },
    { id: 'unlock', text: t('instances:unlock'), refused: refused('unlock'), run: (s) => unlockServer(s.id) },
    ...(isAdmin ? [reset('active'), reset('error')] : []),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      refused: refused('delete'),
      question: (servers) => {
        const floating = floatingIPsOf(servers);
        const { title, body } = asks('delete')(servers);
        const rest =
          floating.length > 0
            ? t('instances:delete.floating', { count: floating.length, list: shortList(floating) })
            : '';
        return { title, body: [body, rest].filter(Boolean).join(' ') };
      },
      // One that was deleted and is kept would only be deleted the same way again.
      run: (s) => (inState('soft-delete')([s]) ? forceDeleteServer(s.id) : deleteServer(s.id)),
    },
  ];
}
