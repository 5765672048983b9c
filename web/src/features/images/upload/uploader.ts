import { ApiError, messageOf } from '~/api/error';
import type { Answer, Transport } from './transport';

export const partSize = 8 * 1024 * 1024;

/** A digest that takes bytes as they come. */
export interface Hash {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/**
 * running: bytes go out; waiting: no answer came, it is tried again by itself; paused: somebody stopped it; checking: all bytes are
 * there; done; failed: the service refused, or the file cannot be read; cancelled.
 */
export type Phase = 'running' | 'waiting' | 'paused' | 'checking' | 'done' | 'failed' | 'cancelled';

export interface Progress {
  phase: Phase;
  /** Bytes that the service has, and those on their way. */
  sent: number;
  total: number;
  /** Bytes per second over the last seconds; 0 when it is not known. */
  speed: number;
  /** Why it waits or failed. */
  problem?: string;
  /** Whether the service's digest of the data is the one that was computed here; undefined where it gives none. */
  verified?: boolean;
  digest?: string;
}

export interface Source {
  file: Blob;
  transport: Transport;
  newHash(): Promise<Hash>;
  /** The SHA-512 that the service computed, when all is there. */
  storedDigest(): Promise<string | null>;
  /** How long to wait before try number n, in ms. */
  wait?(n: number, signal: AbortSignal): Promise<void>;
  now?(): number;
}

const speedWindow = 5_000;
/** How often the service may answer with a conflict, or with the same gap, before it is taken at its word. */
const patience = 5;

export const waitFor = (n: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(500 * 2 ** n, 10_000));
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/** Refused is an answer that another try would not change. */
class Refused extends Error {}

/**
 * Uploader sends a file in parts and computes its digest on the way. It can be paused and goes on from what the service holds,
 * which is asked first: after a pause, a failure, and at the start, as a part of the file may be there from before.
 */
export class Uploader {
  #source: Source;
  #progress: Progress;
  #listeners = new Set<() => void>();
  #stop = new AbortController();
  #hash: Hash | undefined;
  #hashed = 0;
  #samples: [at: number, sent: number][] = [];

  constructor(source: Source) {
    this.#source = source;
    this.#progress = { phase: 'paused', sent: 0, total: source.file.size, speed: 0 };
  }

  get progress(): Progress {
    return this.#progress;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** start begins, or goes on after a pause or a failure. It ends when the upload does, for whatever reason, and throws nothing. */
  async start(): Promise<void> {
    if (!['paused', 'failed'].includes(this.#progress.phase)) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#samples = [];
    this.#show({ phase: 'running', problem: undefined });
    try {
      await this.#run(stop.signal);
      this.#show({ phase: 'checking', sent: this.#progress.total, speed: 0 });
      await this.#verify();
      this.#show({ phase: 'done' });
    } catch (error) {
      if (stop.signal.aborted) return; // whoever stopped it has said what it is now
      this.#show({ phase: 'failed', speed: 0, problem: messageOf(error) });
    }
  }

  pause(): void {
    if (this.#progress.phase !== 'running' && this.#progress.phase !== 'waiting') return;
    this.#show({ phase: 'paused', speed: 0, problem: undefined });
    this.#stop.abort(new DOMException('paused', 'AbortError'));
  }

  cancel(): void {
    this.#show({ phase: 'cancelled', speed: 0 });
    this.#stop.abort(new DOMException('cancelled', 'AbortError'));
  }

  #show(change: Partial<Progress>): void {
    this.#progress = { ...this.#progress, ...change };
    for (const listener of this.#listeners) listener();
  }

  #count(sent: number): void {
    const now = (this.#source.now ?? Date.now)();
    this.#samples = [...this.#samples.filter(([at]) => now - at <= speedWindow), [now, sent]];
    const [since, before] = this.#samples[0] ?? [now, sent];
    const seconds = (now - since) / 1000;
    this.#show({ sent, speed: seconds > 0 ? Math.max(0, (sent - before) / seconds) : this.#progress.speed });
  }

  /** run sends until all is there. `at` is undefined when the service has to be asked where to go on. */
  async #run(signal: AbortSignal): Promise<void> {
    const { transport } = this.#source;
    const { total } = this.#progress;
    let at: number | undefined;
    let silent = 0;
    let conflicts = 0;
    let gaps = 0;
    for (;;) {
      const body: ArrayBuffer | null = at === undefined ? null : await this.#read(at, signal);
      const first: number = at ?? 0;
      let answer: Answer;
      try {
        answer = await transport.put({ first, total, body }, signal, (bytes) => {
          if (body && !signal.aborted) this.#count(first + Math.min(bytes, body.byteLength));
        });
      } catch (error) {
        if (signal.aborted || !(error instanceof ApiError && error.unreachable)) throw error;
        answer = { status: 0, held: 0, message: error.message };
      }
      signal.throwIfAborted();
      const { status, held, message } = answer;
      if (status === 204) return;
      if (status === 202 || status === 416) {
        // The service asks for the same byte again, or has all of them and is not done: it means other bytes than these.
        gaps = (status === 416 && held === at) || held === total ? gaps + 1 : 0;
        if (gaps >= patience || held > total) throw new Refused(message || `HTTP ${status}`);
        // When the end of the last part was not heard, its last byte is said again.
        at = Math.min(held, total - 1);
        silent = 0;
        if (body) conflicts = 0;
        this.#samples = status === 416 || !body ? [] : this.#samples;
        this.#show({ phase: 'running', problem: undefined });
        this.#count(held);
        continue;
      }
      // A part that was cut off may still be held by the server: it says so with a conflict, for a moment.
      const passing = status === 0 || (status >= 500 && status !== 501) || (status === 409 && conflicts < patience);
      if (!passing) throw new Refused(message || `HTTP ${status}`);
      if (status === 409) conflicts += 1;
      else this.#show({ phase: 'waiting', speed: 0, problem: message || `HTTP ${status}` });
      await (this.#source.wait ?? waitFor)(silent, signal);
      silent += 1;
      at = undefined;
    }
  }

  /** read gives the bytes of the next part, and takes all up to its end into the digest. */
  async #read(at: number, signal: AbortSignal): Promise<ArrayBuffer> {
    const end = Math.min(at + partSize, this.#progress.total);
    const body = await this.#bytes(at, end);
    await this.#digestTo(at, signal);
    if (this.#hashed < end) {
      this.#hash?.update(new Uint8Array(body, this.#hashed - at));
      this.#hashed = end;
    }
    return body;
  }

  async #digestTo(end: number, signal?: AbortSignal): Promise<void> {
    this.#hash ??= await this.#source.newHash();
    while (this.#hashed < end) {
      signal?.throwIfAborted();
      const upTo = Math.min(this.#hashed + partSize, end);
      this.#hash.update(new Uint8Array(await this.#bytes(this.#hashed, upTo)));
      this.#hashed = upTo;
    }
  }

  async #bytes(from: number, to: number): Promise<ArrayBuffer> {
    const bytes = await this.#source.file.slice(from, to).arrayBuffer();
    if (bytes.byteLength !== to - from) throw new Error('The file has become shorter since it was chosen.');
    return bytes;
  }

  async #verify(): Promise<void> {
    await this.#digestTo(this.#progress.total);
    const digest = this.#hash?.digest();
    const stored = await this.#source.storedDigest();
    this.#show({ digest, verified: stored ? stored === digest : undefined });
    this.#hash = undefined;
  }
}
