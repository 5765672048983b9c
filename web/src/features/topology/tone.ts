import type { Thing } from './graph';

/** statusOf is the status that the API gives a thing; what is switched off is DISABLED. */
export function statusOf(thing: Thing): string {
  if (thing.kind === 'instance') return thing.server.status;
  const it = thing.kind === 'network' ? thing.network : thing.router;
  return it.admin_state_up ? it.status : 'DISABLED';
}

export type Tone = 'good' | 'bad' | 'off' | 'busy';

const off = [
  'SHUTOFF',
  'PAUSED',
  'SUSPENDED',
  'SHELVED',
  'SHELVED_OFFLOADED',
  'SOFT_DELETED',
  'DISABLED',
  'DOWN',
  'DELETED',
];

/** toneOf is the colour of a thing. What something is being done to is busy, whatever it was before. */
export function toneOf(thing: Thing): Tone {
  if (thing.kind === 'instance' && thing.server['OS-EXT-STS:task_state']) return 'busy';
  const status = statusOf(thing);
  if (status === 'ACTIVE') return 'good';
  if (status === 'ERROR') return 'bad';
  return off.includes(status) ? 'off' : 'busy';
}
