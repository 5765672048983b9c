import { reach } from '~/api/client';
import { session } from '~/api/session';
import { parseEvents, type ServerEvent } from './parse';

/** What changed in the cloud: a hint to ask again, never the thing itself. */
export interface Change {
  resource: string;
  id: string;
  project_id: string;
  action: 'create' | 'update' | 'delete';
}

export interface Handlers {
  onChange(change: Change): void;
  /** Changes before this moment were not heard: everything that is held must be asked again. */
  onReset(): void;
}

const retryFirst = 500;
const retryLast = 10_000;

/**
 * follow keeps the event stream of the current session open and comes back after any failure. It returns the function that
 * ends it.
 */
export function follow(handlers: Handlers): () => void {
  const stop = new AbortController();
  void run(handlers, stop.signal);
  return () => stop.abort();
}

async function run(handlers: Handlers, signal: AbortSignal): Promise<void> {
  let wait = retryFirst;
  while (!signal.aborted) {
    try {
      const answer = await fetch('/events', {
        headers: { 'X-Auth-Token': session.current?.token ?? '', Accept: 'text/event-stream' },
        signal,
      });
      reach.note(true);
      if (answer.status === 401 && session.current) {
        await session.expire();
        continue;
      }
      if (!answer.ok || !answer.body) throw new Error(`HTTP ${answer.status}`);
      wait = retryFirst;
      for await (const event of parseEvents(answer.body)) {
        if (await handle(event, handlers)) break;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TypeError) reach.note(false); // no answer, or one that was cut off
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, retryLast);
  }
}

async function handle(event: ServerEvent, handlers: Handlers): Promise<boolean> {
  if (event.name === 'change') handlers.onChange(JSON.parse(event.data) as Change);
  if (event.name === 'hello') handlers.onReset();
  if (event.name === 'session') {
    await session.expire();
    return true;
  }
  return false;
}
