import { write } from '~/api/write';

/** setQuotaClass changes limits of the class that all projects are of. */
export const setQuotaClass = (limits: Record<string, number>) =>
  write(['quota_class_set'], 'compute', 'PUT', '/os-quota-class-sets/default', { quota_class_set: limits });
