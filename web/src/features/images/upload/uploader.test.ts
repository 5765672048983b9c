import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ApiError } from '~/api/error';
import type { Answer, Part, Transport } from './transport';
import { partSize, Uploader } from './uploader';

const total = partSize * 2 + 1000;
const bytes = new Uint8Array(total).map((_, i) => (i * 31) % 251);
const sha512 = (b: Uint8Array) => createHash('sha512').update(b).digest('hex');

/** jsdom's Blob cannot be read in pieces, so this one stands for a file. */
const fileOf = (content: Uint8Array) =>
  ({
    size: total,
    slice: (from: number, to: number) => ({
      arrayBuffer: async () => content.slice(from, to).buffer,
    }),
  }) as unknown as Blob;

/** A service as docs/decisions/0008 has it, with accidents: each is asked before a part is taken, and may answer instead. */
class Server implements Transport {
  held = new Uint8Array();
  done = false;
  asked = 0;
  parts: number[] = [];
  accidents: ((part: Part, signal: AbortSignal) => Promise<Answer | undefined> | Answer | undefined)[] = [];

  async put(part: Part, signal: AbortSignal, onProgress: (n: number) => void): Promise<Answer> {
    const other = await this.accidents.shift()?.(part, signal);
    if (other) return other;
    if (part.total !== total) return { status: 409, held: 0, message: 'another total' };
    if (!part.body) {
      this.asked += 1;
      return this.#progress();
    }
    this.parts.push(part.first);
    onProgress(part.body.byteLength);
    if (part.first > this.held.length) return { status: 416, held: this.held.length, message: 'gap' };
    const next = new Uint8Array(Math.max(this.held.length, part.first + part.body.byteLength));
    next.set(this.held);
    next.set(new Uint8Array(part.body), part.first);
    this.held = next;
    this.done = next.length === total;
    return this.#progress();
  }

  #progress = (): Answer => ({ status: this.done ? 204 : 202, held: this.held.length, message: '' });
}

function upload(server: Server, content = bytes, stored = () => sha512(server.held)) {
  const hash = createHash('sha512');
  const waits: number[] = [];
  const uploader = new Uploader({
    file: fileOf(content),
    transport: server,
    newHash: async () => ({ update: (b) => void hash.update(b), digest: () => hash.digest('hex') }),
    storedDigest: async () => stored(),
    wait: async (n) => void waits.push(n),
  });
  return { uploader, waits };
}

const lost = () => {
  throw new ApiError(0, 'The cloud does not answer.');
};

test('a file goes out in parts, and the digests are compared', async () => {
  const server = new Server();
  const { uploader } = upload(server);
  await uploader.start();
  expect(uploader.progress).toMatchObject({ phase: 'done', sent: total, verified: true, digest: sha512(bytes) });
  expect(server.parts).toEqual([0, partSize, 2 * partSize]);
});

test('other data than what was read here is told', async () => {
  const { uploader } = upload(new Server(), bytes, () => 'beef');
  await uploader.start();
  expect(uploader.progress).toMatchObject({ phase: 'done', verified: false });
});

test('what the service holds from before is not sent again, and is part of the digest', async () => {
  const server = new Server();
  server.held = bytes.slice(0, partSize + 5);
  const { uploader } = upload(server);
  await uploader.start();
  expect(server.parts).toEqual([partSize + 5, 2 * partSize + 5]);
  expect(uploader.progress).toMatchObject({ phase: 'done', verified: true });
});

test('after a wrong range it goes on from where the service says', async () => {
  const server = new Server();
  server.accidents = [
    () => undefined, // the question
    () => undefined, // the first part
    () => {
      server.held = server.held.slice(0, 100);
      return { status: 416, held: 100, message: 'gap' };
    },
  ];
  const { uploader } = upload(server);
  await uploader.start();
  expect(server.parts).toEqual([0, 100, 100 + partSize, 100 + 2 * partSize]);
  expect(uploader.progress).toMatchObject({ phase: 'done', verified: true });
});

test('a service that asks for the same byte for ever is taken at its word', async () => {
  const server = new Server();
  server.accidents = Array.from({ length: 30 }, () => () => ({ status: 416, held: 0, message: 'gap' }));
  const { uploader } = upload(server);
  await uploader.start();
  expect(uploader.progress).toMatchObject({ phase: 'failed', problem: 'gap' });
});

test('a network failure is waited out, longer each time, and what is held is asked', async () => {
  const server = new Server();
  server.accidents = [() => undefined, () => undefined, lost, lost, lost];
  const { uploader, waits } = upload(server);
  const phases = new Set<string>();
  uploader.subscribe(() => phases.add(uploader.progress.phase));
  await uploader.start();
  expect(waits).toEqual([0, 1, 2]);
  expect(phases).toContain('waiting');
  expect(server.asked).toBe(2);
  expect(server.parts).toEqual([0, partSize, 2 * partSize]);
  expect(uploader.progress).toMatchObject({ phase: 'done', verified: true });
});

test('a conflict is asked about again, and believed when it stays', async () => {
  const server = new Server();
  const conflict = () => ({ status: 409, held: 0, message: 'Another part is on its way.' });
  server.accidents = [() => undefined, conflict];
  const first = upload(server);
  await first.uploader.start();
  expect(first.uploader.progress.phase).toBe('done');

  const stubborn = new Server();
  stubborn.accidents = Array.from({ length: 30 }, () => conflict);
  const second = upload(stubborn);
  await second.uploader.start();
  expect(second.uploader.progress).toMatchObject({ phase: 'failed', problem: 'Another part is on its way.' });
});

test.each([413, 415, 410, 404])('a refusal (%i) ends it with the reason, and it can be tried again', async (status) => {
  const server = new Server();
  server.accidents = [() => undefined, () => ({ status, held: 0, message: 'No.' })];
  const { uploader } = upload(server);
  await uploader.start();
  expect(uploader.progress).toMatchObject({ phase: 'failed', problem: 'No.' });
  await uploader.start();
  expect(uploader.progress).toMatchObject({ phase: 'done', verified: true });
});

test('a pause cuts the part that is on its way, and it goes on from what came', async () => {
  const server = new Server();
  const { uploader } = upload(server);
  server.accidents = [
    () => undefined,
    () => undefined,
    (part, signal) => {
      uploader.pause();
      const came = new Uint8Array(part.body as ArrayBuffer).slice(0, 77);
      const next = new Uint8Array(server.held.length + 77);
      next.set(server.held);
      next.set(came, server.held.length);
      server.held = next;
      throw signal.reason;
    },
  ];
  await uploader.start();
  expect(uploader.progress).toMatchObject({ phase: 'paused', speed: 0 });
  await uploader.start();
  expect(server.parts).toEqual([0, partSize + 77, 2 * partSize + 77]);
  expect(uploader.progress).toMatchObject({ phase: 'done', verified: true });
});

test('a cancelled upload sends nothing more', async () => {
  const server = new Server();
  const { uploader } = upload(server);
  server.accidents = [
    () => undefined,
    (_, signal) => {
      uploader.cancel();
      throw signal.reason;
    },
  ];
  await uploader.start();
  expect(uploader.progress.phase).toBe('cancelled');
  await uploader.start();
  expect(server.parts).toEqual([]);
});

test('a file that has become shorter is told', async () => {
  const { uploader } = upload(new Server(), bytes.slice(0, partSize + 1));
  await uploader.start();
  expect(uploader.progress).toMatchObject({
    phase: 'failed',
    problem: 'The file has become shorter since it was chosen.',
  });
});
