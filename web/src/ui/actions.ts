import i18next from 'i18next';
import { createElement } from 'react';
import { messageOf } from '~/api/error';
import { session } from '~/api/session';
import { confirm } from './confirm';
import { nameOf } from './format';
import { notify } from './notify';

/** Something that can be done to things: one by one, from a list or from a thing's own page. */
export interface Action<T> {
  id: string;
  text: string;
  /** Whether a menu has it at all for these things; without it, always. What is only not possible now is refused, and says why. */
  fits?(items: T[]): boolean;
  /** Undefined when it is allowed now, else why not, in words. */
  refused?(item: T): string | undefined;
  /** Asked before it is done; the list is what it is done to. */
  question?(items: T[]): { title: string; body: React.ReactNode; confirmLabel?: string };
  danger?: boolean;
  /** Does it to one thing. */
  run(item: T): Promise<unknown>;
  /** Instead of run, when it opens a dialog or another page. Only for one thing at a time. */
  open?(item: T): void;
}

/** What a menu offers: actions, some of them under a heading. */
export type Actions<T> = (Action<T> | { heading: string; actions: Action<T>[] })[];

/** opens is an action that opens a dialog or a page for one thing. */
export const opens = <T>(action: Omit<Action<T>, 'run' | 'open'> & { open(item: T): void }): Action<T> => ({
  ...action,
  run: async () => undefined,
});

const atOnce = 6;
const shownFailures = 5;

/** perform asks, does it to each thing, a few at once, and says how it went. It returns whether anything was done. */
export async function perform<T extends { id: string; name?: string | null }>(
  action: Action<T>,
  items: T[],
): Promise<boolean> {
  const only = items[0];
  if (!only) return false;
  if (action.open) {
    action.open(only);
    return true;
  }
  if (action.question) {
    const { title, body, confirmLabel } = action.question(items);
    if (!(await confirm({ title, body, confirmLabel: confirmLabel ?? action.text, danger: action.danger })))
      return false;
  }
  const { owner } = session;
  const failures: string[] = [];
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item && session.owner === owner; item = queue.shift()) {
      try {
        await action.run(item);
      } catch (error) {
        failures.push(`${nameOf(item)}: ${messageOf(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (session.owner !== owner) return true; // whoever is here now did not ask for it
  const count = items.length - failures.length;
  if (count > 0) notify.success(i18next.t('actionDone', { action: action.text, count, name: nameOf(only) }));
  if (failures.length > 0) {
    notify.add({
      type: 'error',
      header: i18next.t('actionFailed', { action: action.text, count: failures.length }),
      content: createElement(
        'ul',
        null,
        failures.slice(0, shownFailures).map((failure) => createElement('li', { key: failure }, failure)),
      ),
    });
  }
  return true;
}

/** refusal is why an action cannot be done to all of the things. */
export function refusal<T>(action: Action<T>, items: T[]): string | undefined {
  if (items.length === 0) return i18next.t('selectFirst');
  if (action.open && items.length > 1) return i18next.t('oneAtATime');
  for (const item of items) {
    const why = action.refused?.(item);
    if (why) return why;
  }
  return undefined;
}
