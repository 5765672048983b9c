import type { Image } from '~/api/image';

/** Formats that the API has for data of one file; the older ones need kernels beside them. */
export const diskFormats = ['qcow2', 'raw', 'iso', 'vmdk', 'vdi', 'vhd', 'vhdx', 'ploop'] as const;

/** visibilities are those that somebody may choose for an image. */
export function visibilities(isAdmin: boolean): Image['visibility'][] {
  return isAdmin ? ['private', 'shared', 'community', 'public'] : ['private', 'shared', 'community'];
}

export interface Who {
  isAdmin: boolean;
  projectId: string;
}

/** Why somebody may not do something with an image, as a key of the images' words; undefined when they may. */
export type Refusal = string | undefined;

export const refusedChange = (image: Image, { isAdmin, projectId }: Who): Refusal =>
  isAdmin || image.owner === projectId ? undefined : 'refused.notYours';

export const refusedDelete = (image: Image, who: Who): Refusal =>
  refusedChange(image, who) ?? (image.protected ? 'refused.protected' : undefined);

export const refusedLaunch = (image: Image): Refusal => (image.status === 'active' ? undefined : 'refused.noData');

export function refusedActivation(image: Image, who: Who, activate: boolean): Refusal {
  const not = refusedChange(image, who);
  if (not) return not;
  if (image.status === (activate ? 'active' : 'deactivated'))
    return activate ? 'refused.active' : 'refused.deactivated';
  return ['active', 'deactivated'].includes(image.status) ? undefined : 'refused.noData';
}

/** An image waits for data, or has some of it from an upload that was cut off. */
export const refusedUpload = (image: Image, who: Who): Refusal =>
  refusedChange(image, who) ?? (['queued', 'saving'].includes(image.status) ? undefined : 'refused.hasData');

/** A deactivated image's data is for administrators alone. */
export function refusedDownload(image: Image, { isAdmin }: Who): Refusal {
  if (image.status === 'deactivated') return isAdmin ? undefined : 'refused.deactivatedData';
  return image.status === 'active' ? undefined : 'refused.noData';
}
