import { useQuery } from '@tanstack/react-query';
import { call } from './client';

/** Counters of a running machine, as in the Compute API from microversion 2.48. What the hypervisor does not tell is null. */
export interface Diagnostics {
  state: string;
  driver: string;
  hypervisor: string;
  /** In seconds. */
  uptime: number | null;
  num_cpus: number;
  /** Times in nanoseconds. */
  cpu_details: { id: number; time: number | null }[];
  nic_details: {
    mac_address: string;
    rx_octets: number | null;
    rx_packets: number | null;
    rx_errors: number | null;
    rx_drop: number | null;
    tx_octets: number | null;
    tx_packets: number | null;
    tx_errors: number | null;
    tx_drop: number | null;
  }[];
  disk_details: {
    read_bytes: number | null;
    read_requests: number | null;
    write_bytes: number | null;
    write_requests: number | null;
    errors_count: number | null;
  }[];
  /** In MiB. */
  memory_details: { maximum: number | null; used: number | null };
}

/** useDiagnostics asks again and again; for administrators. Counters change with every question, so nothing is kept. */
export const useDiagnostics = (server: string, every: number) =>
  useQuery({
    queryKey: ['diagnostics', server],
    queryFn: () => call<Diagnostics>('compute', 'GET', `/servers/${server}/diagnostics`),
    refetchInterval: every,
    staleTime: 0,
    gcTime: 0,
  });
