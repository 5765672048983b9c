import { call, raw } from '~/api/client';
import { ApiError, messageOf } from '~/api/error';
import type { Image } from '~/api/image';
import { session } from '~/api/session';
import { stale } from '~/api/write';

/** How many bytes a part has. */
export const partSize = 8 * 1024 * 1024;
/** How long to wait before an interrupted upload goes on, in ms: longer each time. */
const patience = [1_000, 2_000, 5_000, 10_000, 30_000];

/** How often a refused part is tried again that an earlier, broken connection may still hold. */
const lastRetry = 20;

export type UploadState = 'running' | 'paused' | 'waiting' | 'checking' | 'done' | 'failed' | 'cancelled';

/** An upload as people see it. */
export interface Upload {
  id: string;
  /** Whose session it was begun in; it rests in others'. */
  owner: string;
  name: string;
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
 * that it can rest and go on where it was, after a failure of the network too.
 */
export class Uploads {
  #list: Upload[] = [];
  #listeners = new Set<Listener>();
  #wake = new Map<string, () => void>();
  #owner = '';
  #shown: Upload[] = [];

  constructor(private readonly world: World) {}

  subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The uploads of the session. */
  snapshot = (): Upload[] => this.#shown;

  /** setOwner is told whose session it is: uploads of others rest, and are not shown. */
  setOwner(owner: string): void {
    if (owner === this.#owner) return;
    this.#owner = owner;
    this.#tell();
    for (const wake of [...this.#wake.values()]) wake();
  }

  get busy(): boolean {
    return this.#shown.some((u) => u.state === 'running' || u.state === 'waiting' || u.state === 'paused');
  }

  #find(id: string): Upload | undefined {
    return this.#list.find((u) => u.id === id);
  }

  #change(id: string, part: Partial<Upload>): void {
    this.#list = this.#list.map((u) => (u.id === id ? { ...u, ...part } : u));
    this.#tell();
  }

  #tell(): void {
    this.#shown = this.#list.filter((u) => u.owner === this.#owner);
    for (const listener of this.#listeners) listener();
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
    this.#list = [upload, ...this.#list.filter((u) => u.id !== image.id)];
    this.#change(image.id, {});
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
    this.#list = this.#list.filter((u) => u.id !== id);
    this.#tell();
  }

  #foreign(id: string): boolean {
    return this.#find(id)?.owner !== this.#owner;
  }

  /** rest returns when the upload may go on: at once, after a pause, in its own session again, or when it was cancelled. */
  async #rest(id: string): Promise<boolean> {
    while (this.#find(id)?.state === 'paused' || (this.#find(id)?.state === 'running' && this.#foreign(id))) {
      await new Promise<void>((resolve) => this.#wake.set(id, resolve));
      this.#wake.delete(id);
    }
    return this.#find(id)?.state === 'running';
  }

  async #run(id: string, file: Blob): Promise<void> {
    const hash = await this.world.hasher();
    let hashed = 0; // how far the hash has come: it goes in order and never back
    let held = 0;
    let failures = 0;
    while (await this.#rest(id)) {
      const end = Math.min(held + partSize, file.size);
      const began = this.world.now();
      let answer: { status: number; range: string | null };
      try {
        const part = file.slice(held, end);
        if (end > hashed) {
          hash.update(new Uint8Array(await file.slice(hashed, end).arrayBuffer()));
          hashed = end;
        }
        answer = await this.world.send(id, `bytes ${held}-${end - 1}/${file.size}`, part);
        failures = 0;
      } catch (error) {
        if (this.#foreign(id)) continue; // it was asked with a token that is not its own
        // After a connection broke, the cloud may still wait for the rest of the part that was on it.
        const stillThere = error instanceof ApiError && error.status === 409 && failures > 0 && failures < lastRetry;
        if (!stillThere && (!(error instanceof ApiError) || (!error.unreachable && error.status < 500))) throw error;
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

  async #check(id: string, sha512: string): Promise<void> {
    // All has come; whether it can be compared now does not change that.
    const image = await this.world.image(id).catch(() => undefined);
    this.#change(id, {
      state: 'done',
      sha512,
      same: image?.os_hash_algo === 'sha512' ? image.os_hash_value === sha512 : undefined,
    });
  }
}

export const uploads = new Uploads(world);
session.subscribe(() => uploads.setOwner(session.owner));
uploads.setOwner(session.owner);

globalThis.addEventListener?.('beforeunload', (event) => {
  if (uploads.busy) event.preventDefault(); // the browser asks whether to leave
});
