import type { ActionEvent } from '~/api/compute';

/** What failed when a server did: a word of `failure`. */
export type Failure = 'noHost' | 'network' | 'image' | 'disk' | 'start' | 'address' | 'other';

const ofStep: Record<string, Failure> = {
  scheduler_select_destinations: 'noHost',
  network_allocate_for_instance: 'network',
  network_plug_vif: 'network',
  network_dhcp_lease: 'address',
  image_get: 'image',
  image_fetch: 'image',
  hypervisor_prepare_disk: 'disk',
  hypervisor_start: 'start',
};

/** failureOf tells from the steps of a creation what failed; without them, from the message of the fault. */
export function failureOf(message: string, events: ActionEvent[] = []): Failure {
  const failed = events.find((e) => e.result === 'Error' && e.event in ofStep);
  if (failed) return ofStep[failed.event] ?? 'other';
  return /no valid host/i.test(message) ? 'noHost' : 'other';
}
