import { call, raw } from '~/api/client';
import { ApiError, messageOf } from '~/api/error';
import type { Image } from '~/api/image';
import { session } from '~/api/session';
import { stale } from '~/api/write';

/** How many bytes a part has. */
export const partSize = 8 * 1024 * 1024;
/** How long to wait before an interrupted upload goes on, in ms: longer each time. */
const patience = [1_000, 2_000, 5_000, 10_000, 30_000];
/** How often a part is sent again while the cloud still holds on to the one whose connection was lost. */
const conflictsBorne = 20;

export type UploadState = 'running' | 'paused' | 'waiting' | 'checking' | 'done' | 'failed' | 'cancelled';

/** An upload as people see it. */
export interface Upload {
  id: string;
  name: string;
  /** Whose it is, as session.owner says. */
  owner: string;
  state: UploadState;
  /** Bytes that the cloud holds, of all. */
  held: number;
  size: number;
  /** Bytes a second of late; 0 while it rests. */
  speed: number;
  /** Why it waits or failed. */
  reason: string;
  /** SHA-512 of what was read here, in hexadecimal, once all was read; '' before. */
  sha512: string;
  /** Whether the cloud has the same; undefined before the end. */
  same?: boolean;
}

/** A hash that takes bytes in their order. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/** What an upload needs of the world; tests give other things. */
export interface World {
  /** Sends a part of the data, or asks what is held (no part); the answer's status and Range header. */
  send(image: string, range: string, part?: Blob): Promise<{ status: number; range: string | null }>;
  image(id: string): Promise<Image>;
  remove(id: string): Promise<void>;
  hasher(): Promise<Hasher>;
  sleep(ms: number): Promise<void>;
  now(): number;
}

type Listener = () => void;

/** Whether an upload has not come to its end, and would rest if its owner went away. */
export const isBusy = (u: Upload): boolean => u.state === 'running' || u.state === 'waiting' || u.state === 'paused';

/** heldIn reads how many bytes are held from a Range header: bytes=0-N. */
export const heldIn = (range: string | null): number => {
  const last = /^bytes=0-(\d+)$/.exec(range ?? '')?.[1];
  return last === undefined ? 0 : Number(last) + 1;
};

const partsType = 'application/octet-stream';

export const world: World = {
  async send(image, range, part) {
    try {
      const answer = await raw('image', 'PUT', `/images/${image}/file`, {
        headers: { 'Content-Type': partsType, 'Content-Range': range },
        body: part ?? new Blob([]),
      });
      return { status: answer.status, range: answer.headers.get('Range') };
    } catch (error) {
      // The answer says where to go on; who asks what is held gets the same answer again.
      if (error instanceof ApiError && error.status === 416 && part)
        return world.send(image, range.replace(/^bytes [^/]*/, 'bytes *'));
      throw error;
    }
  },
  image: (id) => call<Image>('image', 'GET', `/images/${id}`),
  remove: (id) => call('image', 'DELETE', `/images/${id}`),
  async hasher() {
    const { createSHA512 } = await import('hash-wasm');
    const hash = await createSHA512();
    hash.init();
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  now: () => performance.now(),
};

/**
 * Uploads live outside of the pages: they go on while the user looks at something else. Each is sent in parts (Content-Range), so
 * that it can rest and go on where it was, after a failure of the network too. Each belongs to who started it: it rests while
 * somebody else is here, and is shown to nobody else.
 */
export class Uploads {
  #list: Upload[] = [];
  #shown: Upload[] = [];
  #owner = '';
  #listeners = new Set<Listener>();
  #wake = new Map<string, () => void>();

  constructor(private readonly world: World) {}

  subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The uploads of who is here. */
  snapshot = (): Upload[] => this.#shown;

  /** Whether an upload of anybody would be lost with this page. */
  get busy(): boolean {
    return this.#list.some(isBusy);
  }

  /** own says who is here now. The uploads of all others rest. */
  own(owner: string): void {
    this.#owner = owner;
    this.#show(this.#list);
    for (const u of this.#list) if (u.owner !== owner) this.pause(u.id);
  }

  #show(list: Upload[]): void {
    this.#list = list;
    this.#shown = list.filter((u) => u.owner === this.#owner);
    for (const listener of this.#listeners) listener();
  }

  #find(id: string): Upload | undefined {
    return this.#list.find((u) => u.id === id);
  }

  #change(id: string, part: Partial<Upload>): void {
    this.#show(this.#list.map((u) => (u.id === id ? { ...u, ...part } : u)));
  }

  /** start sends a file as the data of an image that is queued. It resolves at the end, however that is. */
  async start(image: { id: string; name: string }, file: Blob): Promise<void> {
    const upload: Upload = {
      ...image,
      owner: this.#owner,
      state: 'running',
      held: 0,
      size: file.size,
      speed: 0,
      reason: '',
      sha512: '',
    };
    this.#show([upload, ...this.#list.filter((u) => u.id !== image.id)]);
    try {
      await this.#run(image.id, file);
    } catch (error) {
      if (this.#find(image.id)?.state !== 'cancelled')
        this.#change(image.id, { state: 'failed', speed: 0, reason: messageOf(error) });
    }
    stale(['image']);
  }

  pause(id: string): void {
    if (this.#find(id)?.state === 'running' || this.#find(id)?.state === 'waiting')
      this.#change(id, { state: 'paused', speed: 0 });
    this.#wake.get(id)?.();
  }

  resume(id: string): void {
    if (this.#foreign(id)) return;
    if (this.#find(id)?.state === 'paused' || this.#find(id)?.state === 'waiting')
      this.#change(id, { state: 'running', reason: '' });
    this.#wake.get(id)?.();
  }

  /** cancel ends an upload and deletes its image. */
  async cancel(id: string): Promise<void> {
    this.#change(id, { state: 'cancelled', speed: 0 });
    this.#wake.get(id)?.();
    await this.world.remove(id);
    this.forget(id);
    stale(['image']);
  }

  forget(id: string): void {
    this.#show(this.#list.filter((u) => u.id !== id));
  }

  /** rest returns when the upload may go on: at once, after a pause, or when it was cancelled. */
  async #rest(id: string): Promise<boolean> {
    while (this.#find(id)?.state === 'paused') {
      await new Promise<void>((resolve) => this.#wake.set(id, resolve));
      this.#wake.delete(id);
    }
    return this.#find(id)?.state === 'running';
  }

  async #run(id: string, file: Blob): Promise<void> {
    const hash = await this.world.hasher();
    let hashed = 0; // how far the hash has come: it goes in order and never back
    let held = 0;
    let failures = 0; // since a part was taken, as are the conflicts
    let conflicts = 0;
    while (await this.#rest(id)) {
      const end = Math.min(held + partSize, file.size);
      const began = this.world.now();
      let answer: { status: number; range: string | null };
      try {
        const part = file.slice(held, end);
        if (end > hashed) {
          hash.update(new Uint8Array(await file.slice(hashed, end).arrayBuffer()));
          hashed = end;
          if (this.#find(id)?.state !== 'running') continue; // it was to rest while the file was read
        }
        answer = await this.world.send(id, `bytes ${held}-${end - 1}/${file.size}`, part);
        failures = 0;
        conflicts = 0;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (this.#foreign(id)) {
          failures += 1; // how the part ended is not known
          continue;
        }
        // After a connection was lost, the cloud may wait for the rest of the old part for a while.
        const lingers = error.status === 409 && failures > 0 && conflicts < conflictsBorne;
        if (lingers) conflicts += 1;
        else if (!error.unreachable && error.status < 500) throw error;
        const wait = patience[Math.min(failures, patience.length - 1)] ?? 0;
        failures += 1;
        if (this.#find(id)?.state === 'running')
          this.#change(id, { state: 'waiting', speed: 0, reason: messageOf(error) });
        await Promise.race([this.world.sleep(wait), new Promise<void>((resolve) => this.#wake.set(id, resolve))]);
        this.#wake.delete(id);
        if (this.#find(id)?.state === 'waiting') this.#change(id, { state: 'running', reason: '' });
        continue;
      }
      if (answer.status === 204) {
        this.#change(id, { held: file.size, state: 'checking', speed: 0 });
        await this.#check(id, hash.digest());
        return;
      }
      const before = held;
      held = heldIn(answer.range);
      const seconds = (this.world.now() - began) / 1000;
      this.#change(id, { held, speed: seconds > 0 ? Math.max(0, held - before) / seconds : 0 });
    }
  }

  /** #check compares the checksums. The upload is done however that goes: the cloud has all of it. */
  async #check(id: string, sha512: string): Promise<void> {
    const image = this.#foreign(id) ? undefined : await this.world.image(id).catch(() => undefined);
    if (this.#find(id)?.state !== 'checking') return; // cancelled
    this.#change(id, {
      state: 'done',
      sha512,
      same: image?.os_hash_algo === 'sha512' ? image.os_hash_value === sha512 : undefined,
    });
  }

  #foreign(id: string): boolean {
    return this.#find(id)?.owner !== this.#owner;
  }
}

export const uploads = new Uploads(world);
uploads.own(session.owner);
session.onOwner(() => uploads.own(session.owner));

globalThis.addEventListener?.('beforeunload', (event) => {
  if (uploads.busy) event.preventDefault(); // the browser asks whether to leave
});
