import { useSyncExternalStore } from 'react';
import { type Upload, uploads } from './uploads';

/** useUploads are the uploads of this page; what uses it is drawn again as they go on. */
export function useUploads(): Upload[] {
  useSyncExternalStore(uploads.subscribe, uploads.version);
  return uploads.get();
}

export const useUpload = (image: string): Upload | undefined => useUploads().find((u) => u.image === image);
