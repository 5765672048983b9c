import { useQuery } from '@tanstack/react-query';
import { call } from './client';
import { listOf, oneOf } from './network';

// What passes between routers and the outside, counted: types as in the Networking API v2.0 reference, extension metering.

export type Direction = 'ingress' | 'egress';

/** Counts at the gateways of the project's routers, or of all routers when it is shared. */
export interface MeteringLabel {
  id: string;
  name: string;
  description: string;
  project_id: string;
  shared: boolean;
}

/** What a label counts. The remote prefix, which older clients give, is the address inside, whatever its name says. */
export interface MeteringRule {
  id: string;
  metering_label_id: string;
  direction: Direction;
  excluded: boolean;
  remote_ip_prefix: string | null;
  source_ip_prefix: string | null;
  destination_ip_prefix: string | null;
}

/** What a label has counted in one direction; bytes are those of IP packets. */
export interface MeteringCount {
  packets: number;
  bytes: number;
  updated_at: string | null;
}

/** The extension with which the cloud tells what labels have counted. */
export const meteringCounters = 'metering-counters';

export const useMeteringLabels = () =>
  useQuery({
    queryKey: ['metering_label'],
    queryFn: () => listOf<MeteringLabel>('metering/metering-labels', 'metering_labels')(),
  });
export const useMeteringLabel = (id: string) =>
  useQuery({
    queryKey: ['metering_label', id],
    queryFn: () => oneOf<MeteringLabel>('metering/metering-labels', 'metering_label')(id),
  });
export const useMeteringRules = () =>
  useQuery({
    queryKey: ['metering_label_rule'],
    queryFn: () => listOf<MeteringRule>('metering/metering-label-rules', 'metering_label_rules')(),
  });

/** Counting gives no event: it is asked again every so often, in ms. */
export const useMeteringCounts = (label: string, enabled: boolean) =>
  useQuery({
    queryKey: ['metering_label', label, 'counters'],
    queryFn: () =>
      call<{ counters: Record<Direction, MeteringCount> }>(
        'network',
        'GET',
        `/metering/metering-labels/${label}/counters`,
      ).then((a) => a.counters),
    enabled,
    refetchInterval: 10_000,
  });
