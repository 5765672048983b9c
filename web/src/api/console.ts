import { call } from './client';
import { serverAction } from './compute';

export type ConsoleKind = 'serial' | 'vnc';

const kinds = {
  serial: { protocol: 'serial', type: 'serial', stream: '/console/serial/stream' },
  vnc: { protocol: 'vnc', type: 'novnc', stream: '/console/vnc/stream' },
} as const;

/** streamOf is the address of a console's WebSocket. It is on the host of this page, whatever the host of the API's answer. */
export function streamOf(kind: ConsoleKind, token: string): string {
  const url = new URL(kinds[kind].stream, location.origin);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('token', token);
  return url.href;
}

/** createConsole asks for a console, and gives the address of its stream, which can be opened once. */
export async function createConsole(server: string, kind: ConsoleKind): Promise<string> {
  const { protocol, type } = kinds[kind];
  const answer = await call<{ remote_console: { url: string } }>(
    'compute',
    'POST',
    `/servers/${server}/remote-consoles`,
    {
      body: { remote_console: { protocol, type } },
    },
  );
  return streamOf(kind, new URL(answer.remote_console.url).searchParams.get('token') ?? '');
}

/** The last lines that the guest wrote to its serial port; all that is kept where no number is given. */
export const consoleLog = (server: string, lines?: number): Promise<string> =>
  serverAction<{ output: string }>(server, { 'os-getConsoleOutput': lines ? { length: lines } : {} }).then(
    (a) => a.output,
  );
