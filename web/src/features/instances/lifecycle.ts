import type { Server } from '~/api/compute';
import type { Action } from '~/ui/actions';
import { deleteServer, lockServer, rebootServer, resetState, startServer, stopServer, unlockServer } from './mutations';

/** What can be done to a server, as far as its state has a say in it. */
export type Operation =
  | 'start'
  | 'stop'
  | 'reboot'
  | 'hardReboot'
  | 'lock'
  | 'unlock'
  | 'resetState'
  | 'delete'
  | 'edit'
  | 'metadata'
  | 'tags';

/** Why it cannot be done now: a word of `refused`, and what is to be filled in. */
export interface Refusal {
  word: 'state' | 'task' | 'locked' | 'notLocked' | 'alreadyLocked' | 'noHost' | 'neverRan' | 'admin';
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
  admin?: boolean;
}

// The Compute API's own rules; a rule that is missing here would lead to a refusal, one too many to a button that is grey for nothing.
const rules: Record<Operation, Rule> = {
  start: { states: ['stopped'], tasks: [null] },
  stop: { states: ['active', 'error'], tasks: [null] },
  reboot: { states: ['active'], tasks: [null] },
  hardReboot: { states: ['active', 'stopped', 'error'], tasks: [null, 'rebooting', 'rebooting_hard'] },
  lock: { despiteLock: true },
  unlock: { despiteLock: true },
  resetState: { despiteLock: true, admin: true },
  delete: {},
  edit: { despiteLock: true },
  metadata: {},
  tags: { despiteLock: true },
};

type Known = Pick<
  Server,
  'status' | 'locked' | 'hostId' | 'OS-EXT-STS:vm_state' | 'OS-EXT-STS:task_state' | 'OS-SRV-USG:launched_at'
>;

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
  if (rule.states && !server.hostId) return { word: 'noHost' };
  if (operation === 'hardReboot' && !server['OS-SRV-USG:launched_at']) return { word: 'neverRan' };
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
      run: (s) => deleteServer(s.id),
    },
  ];
}
