import i18next from 'i18next';
import { call } from '~/api/client';
import type { Image } from '~/api/image';
import { stale } from '~/api/write';
import { partsOf } from './transport';
import { type Hash, type Progress, Uploader } from './uploader';

/** An upload of this page: it goes on while the user visits other pages, and ends with the page. */
export interface Upload {
  image: string;
  name: string;
  fileName: string;
  uploader: Uploader;
}

/** Phases in which leaving the page would lose something. */
const open: Progress['phase'][] = ['running', 'waiting', 'paused', 'checking', 'failed'];
export const isOpen = (upload: Upload): boolean => open.includes(upload.uploader.progress.phase);

let list: Upload[] = [];
let version = 0;
const listeners = new Set<() => void>();

const warn = (event: BeforeUnloadEvent) => event.preventDefault();
let warned = false;

function tell(): void {
  version += 1;
  const wanted = list.some(isOpen);
  if (wanted !== warned) {
    warned = wanted;
    if (wanted) window.addEventListener('beforeunload', warn);
    else window.removeEventListener('beforeunload', warn);
  }
  for (const listener of listeners) listener();
}

async function newHash(): Promise<Hash> {
  const { createSHA512 } = await import('hash-wasm');
  const hash = await createSHA512();
  hash.init();
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') };
}

export const uploads = {
  get: (): Upload[] => list,
  version: (): number => version,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  of: (image: string): Upload | undefined => list.find((u) => u.image === image),

  /** begin sends a file as the data of an image, and shows how far it is at the top of every page. */
  begin(image: Pick<Image, 'id' | 'name'>, file: File): Upload {
    uploads.of(image.id)?.uploader.pause();
    const uploader = new Uploader({
      file,
      transport: partsOf(image.id),
      newHash,
      storedDigest: async () => {
        const now = await call<Image>('image', 'GET', `/images/${image.id}`);
        return now.os_hash_algo === 'sha512' ? now.os_hash_value : null;
      },
    });
    const upload = { image: image.id, name: image.name || file.name, fileName: file.name, uploader };
    list = [...list.filter((u) => u.image !== image.id), upload];
    let phase = uploader.progress.phase;
    uploader.subscribe(() => {
      if (uploader.progress.phase !== phase) {
        phase = uploader.progress.phase;
        stale(['image']);
      }
      tell();
    });
    tell();
    void i18next
      .loadNamespaces('images')
      .then(() => import('./notice'))
      .then((m) => m.announce(upload));
    void uploader.start();
    return upload;
  },

  /** cancel ends an upload; the image is for the caller to delete. */
  cancel(image: string): void {
    uploads.of(image)?.uploader.cancel();
    uploads.forget(image);
  },
  forget(image: string): void {
    list = list.filter((u) => u.image !== image);
    tell();
  },
};
