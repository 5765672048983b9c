// @vitest-environment node
import { beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from '~/api/error';
import type { Image } from '~/api/image';
import { heldIn, partSize, Uploads, type World } from './uploads';

/** A cloud that takes parts, as the Image API does. */
class Cloud implements World {
  held = 0;
  ranges: string[] = [];
  removed: string[] = [];
  digest = '';
  /** What happens at the parts to come: an error, or something that is done before the answer. */
  accidents: ((() => Promise<void> | void) | undefined)[] = [];
  #hashed = 0;

  constructor(readonly size: number) {}

  async send(_: string, range: string, part?: Blob) {
    this.ranges.push(range);
    await this.accidents.shift()?.();
    const first = Number(/bytes (\d+)/.exec(range)?.[1]);
    const held = () => (this.held > 0 ? `bytes=0-${this.held - 1}` : null);
    if (first !== this.held) return { status: 202, range: held() };
    this.held += part?.size ?? 0;
    return this.held === this.size ? { status: 204, range: null } : { status: 202, range: held() };
  }

  async image() {
    return { os_hash_algo: 'sha512', os_hash_value: this.digest || `sum of ${this.size}` } as unknown as Image;
  }

  async remove(id: string) {
    this.removed.push(id);
  }

  async hasher() {
    return {
      update: (bytes: Uint8Array) => {
        this.#hashed += bytes.length;
      },
      digest: () => `sum of ${this.#hashed}`,
    };
  }

  sleep = async () => undefined;
  now = () => 0;
}

const size = 2 * partSize + 5;
const file = new Blob([new Uint8Array(size)]);
const image = { id: 'i', name: 'image' };
let cloud: Cloud;
let uploads: Uploads;

beforeEach(() => {
  cloud = new Cloud(size);
  uploads = new Uploads(cloud);
});

const now = () => uploads.snapshot()[0];

test('a file is sent in parts, and its checksum compared', async () => {
  await uploads.start(image, file);
  expect(cloud.ranges).toEqual([
    `bytes 0-${partSize - 1}/${size}`,
    `bytes ${partSize}-${2 * partSize - 1}/${size}`,
    `bytes ${2 * partSize}-${size - 1}/${size}`,
  ]);
  expect(now()).toMatchObject({ state: 'done', held: size, same: true });
  expect(uploads.busy).toBe(false);
});

test('a checksum that differs is said', async () => {
  cloud.digest = 'another';
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'done', same: false });
});

test('after a failure of the network it goes on where the cloud is', async () => {
  const silence = () => {
    throw new ApiError(0, 'no answer');
  };
  cloud.accidents = [undefined, silence, silence];
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'done', same: true });
});

test('what the cloud holds already is not sent again, and what it lost is', async () => {
  cloud.held = partSize; // a part that arrived although its answer was lost
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'done', same: true });
  expect(cloud.ranges[1]).toBe(`bytes ${partSize}-${2 * partSize - 1}/${size}`);
});

test('a refusal is final', async () => {
  cloud.accidents = [
    () => {
      throw new ApiError(409, 'somebody else writes');
    },
  ];
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'failed', reason: 'somebody else writes' });
  expect(cloud.ranges).toHaveLength(1);
});

const fails = (status: number) => () => {
  throw new ApiError(status, 'another part is coming');
};

test('the part of a lost connection may keep the cloud busy for a while', async () => {
  cloud.accidents = [undefined, fails(0), fails(409), fails(409)];
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'done', same: true });
});

test('but not for ever', async () => {
  cloud.accidents = [fails(0), ...Array.from({ length: 100 }, () => fails(409))];
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'failed', reason: 'another part is coming' });
  expect(cloud.ranges).toHaveLength(1 + 20 + 1);
});

test('a conflict is final again once a part was taken', async () => {
  cloud.accidents = [fails(0), undefined, fails(409)];
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'failed', held: partSize });
});

test('an upload is done although its image cannot be asked for', async () => {
  cloud.image = async () => {
    throw new ApiError(0, 'no answer');
  };
  await uploads.start(image, file);
  expect(now()).toMatchObject({ state: 'done', held: size, same: undefined });
});

test('it rests while somebody else is here, and is theirs neither to see nor to resume', async () => {
  uploads.own('ann');
  cloud.accidents = [() => uploads.own('bob')];
  const ended = uploads.start(image, file);
  await vi.waitFor(() => expect(cloud.held).toBe(partSize));
  expect(uploads.snapshot()).toEqual([]);
  uploads.resume('i');
  await new Promise((resolve) => setTimeout(resolve));
  expect(cloud.ranges).toHaveLength(1);
  expect(uploads.busy).toBe(true); // the page should not go without a word
  uploads.own('ann');
  expect(now()).toMatchObject({ state: 'paused', held: partSize });
  uploads.resume('i');
  await ended;
  expect(now()).toMatchObject({ state: 'done', same: true });
});

test('a part refused because its owner left is sent again when they are back', async () => {
  uploads.own('ann');
  cloud.accidents = [
    () => {
      uploads.own('');
      throw new ApiError(401, 'The session has ended.');
    },
    fails(409), // the first one is still being taken
  ];
  const ended = uploads.start(image, file);
  await vi.waitFor(() => expect(cloud.ranges).toHaveLength(1));
  uploads.own('ann');
  expect(now()).toMatchObject({ state: 'paused' });
  uploads.resume('i');
  await ended;
  expect(now()).toMatchObject({ state: 'done', same: true });
});

test('no part is sent for somebody who came while the file was read', async () => {
  uploads.own('ann');
  const slow = new Blob([new Uint8Array(size)]);
  const slice = slow.slice.bind(slow);
  slow.slice = (...range) => {
    uploads.own('bob');
    return slice(...range);
  };
  void uploads.start(image, slow);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(cloud.ranges).toEqual([]);
});

test('it pauses after the part that is on its way, and resumes', async () => {
  cloud.accidents = [() => uploads.pause('i')];
  const ended = uploads.start(image, file);
  await vi.waitFor(() => expect(now()).toMatchObject({ state: 'paused', held: partSize }));
  expect(uploads.busy).toBe(true);
  expect(cloud.ranges).toHaveLength(1);
  uploads.resume('i');
  await ended;
  expect(now()).toMatchObject({ state: 'done', same: true });
});

test('cancelling deletes the image', async () => {
  let cancelled: Promise<void> | undefined;
  cloud.accidents = [
    () => {
      cancelled = uploads.cancel('i');
    },
  ];
  await uploads.start(image, file);
  await cancelled;
  expect(cloud.removed).toEqual(['i']);
  expect(uploads.snapshot()).toEqual([]);
});

test.each([
  ['bytes=0-99', 100],
  [null, 0],
  ['bytes=5-99', 0],
])('%s is %d bytes', (range, held) => {
  expect(heldIn(range)).toBe(held);
});
