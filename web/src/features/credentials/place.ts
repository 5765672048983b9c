import { endpoint } from '~/api/client';
import { session } from '~/api/session';
import type { Place } from './files';

/** placeOf is where programs find this cloud: at this page's own origin, in the region that is chosen. */
export const placeOf = (): Place => ({
  authUrl: location.origin + endpoint('identity'),
  region: session.current?.region ?? '',
});
