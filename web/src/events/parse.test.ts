import { expect, test } from 'vitest';
import { parseEvents, type ServerEvent } from './parse';

function streamOf(...pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
}

async function read(...pieces: string[]): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of parseEvents(streamOf(...pieces))) events.push(event);
  return events;
}

test('an event comes out, however it is cut', async () => {
  const whole = 'event: change\nid: 7\ndata: {"a":1}\n\n';
  const wanted = [{ name: 'change', id: '7', data: '{"a":1}' }];
  expect(await read(whole)).toEqual(wanted);
  expect(await read(...whole)).toEqual(wanted);
  expect(await read(whole.replaceAll('\n', '\r\n'))).toEqual(wanted);
});

test('comments and unknown fields say nothing', async () => {
  expect(await read(': still here\n\n', 'retry: 5\n\n', 'data: x\n\n')).toEqual([{ name: '', id: '', data: 'x' }]);
});

test('lines of data belong together', async () => {
  expect(await read('data: one\ndata: two\n\n')).toEqual([{ name: '', id: '', data: 'one\ntwo' }]);
});

test('an event that was not ended is not one', async () => {
  expect(await read('event: change\ndata: half')).toEqual([]);
});
