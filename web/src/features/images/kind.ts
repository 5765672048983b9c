import type { Image } from '~/api/image';

type Words = (key: string, values?: Record<string, unknown>) => string;

/** kindOf tells whether an image was made of an instance, and whether it is a backup that others will take the place of. */
export function kindOf(t: Words, image: Image): string {
  if (image.image_type === 'backup') return t('images:kind.backup', { type: image.backup_type });
  return t(image.image_type === 'snapshot' ? 'images:kind.snapshot' : 'images:kind.image');
}
