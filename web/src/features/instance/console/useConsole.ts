import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { closingOf, type Phase } from './closing';

/** What shows a stream: it takes the socket before it is open, and gives the function that ends it. */
type Attach = (socket: WebSocket) => Promise<() => void> | (() => void);

interface Options {
  /** Gives the address of the stream; asked for anew with each connection. */
  open(): Promise<string>;
  protocols?: string[];
  /** What is there before the stream is asked for: libraries that take long to load. */
  prepare(): Promise<Attach>;
}

/** useConsole connects a console when it is mounted, and again when it is told to. It never does so by itself after an end. */
export function useConsole(options: Options): { phase: Phase; connect(): void } {
  const [phase, setPhase] = useState<Phase>({ name: 'connecting' });
  const [attempt, setAttempt] = useState(0);
  const now = useRef(options);
  now.current = options;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each attempt is a connection of its own
  useEffect(() => {
    let left = false;
    let end: () => void = () => undefined;
    const run = async () => {
      const attach = await now.current.prepare();
      if (left) return; // the address can be used once: it is not asked for in vain
      const url = await now.current.open();
      if (left) return;
      const socket = new WebSocket(url, now.current.protocols);
      socket.binaryType = 'arraybuffer';
      let opened = false;
      socket.addEventListener('open', () => {
        opened = true;
        if (!left) setPhase({ name: 'open' });
      });
      socket.addEventListener('close', (event) => {
        if (!left) setPhase(closingOf(event, opened));
      });
      end = () => socket.close();
      const detach = await attach(socket);
      end = () => {
        detach();
        socket.close();
      };
      if (left) end();
    };
    setPhase({ name: 'connecting' });
    run().catch((error: unknown) => {
      if (!left) setPhase({ name: 'refused', error });
    });
    return () => {
      left = true;
      end();
    };
  }, [attempt]);
  return { phase, connect: useCallback(() => setAttempt((n) => n + 1), []) };
}

/** The keys that leave a console: everything else, Tab too, goes to the guest. */
export const isLeaveKey = (event: KeyboardEvent): boolean => event.ctrlKey && event.shiftKey && event.code === 'KeyL';

/** useLeaveKey moves the focus from a console to the button after it. */
export function useLeaveKey(
  place: RefObject<HTMLElement>,
  after: RefObject<{ focus(): void }>,
  onLeave?: () => void,
): void {
  const leave = useRef(onLeave);
  leave.current = onLeave;
  useEffect(() => {
    const element = place.current;
    const listen = (event: KeyboardEvent) => {
      if (!isLeaveKey(event)) return;
      event.preventDefault();
      event.stopPropagation();
      leave.current?.();
      after.current?.focus();
    };
    // Before the console itself sees the key.
    element?.addEventListener('keydown', listen, { capture: true });
    return () => element?.removeEventListener('keydown', listen, { capture: true });
  }, [place, after]);
}
