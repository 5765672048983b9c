import type { Trace, TraceStep } from '~/api/network';

/** What stops a packet, and where somebody can do something about it. */
export interface Advice {
  step: TraceStep;
  /** A word of `advice`. */
  word: 'ingress' | 'egress' | 'router' | 'network' | 'port' | 'nat' | 'other';
}

/**
 * adviceOf finds the step that drops the packet. Rules are asked twice on a way: first those of the sender, for egress, then those
 * of the receiver, for ingress.
 */
export function adviceOf(trace: Trace): Advice | undefined {
  const at = trace.steps.findIndex((s) => s.verdict === 'dropped');
  const step = trace.steps[at];
  if (!step) return undefined;
  switch (step.hop) {
    case 'security_group': {
      const asked = trace.steps.slice(0, at).some((s) => s.hop === 'security_group');
      return { step, word: asked ? 'ingress' : 'egress' };
    }
    case 'router':
    case 'network':
    case 'port':
      return { step, word: step.hop };
    case 'floating_ip':
    case 'snat':
      return { step, word: 'nat' };
    default:
      return { step, word: 'other' };
  }
}

const names: Record<number, string> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP' };

/** packetWords is a packet's protocol and port: "TCP 22". */
export const packetWords = (trace: Pick<Trace, 'protocol' | 'destination_port'>): string =>
  [names[trace.protocol] ?? `IP ${trace.protocol}`, trace.destination_port].filter((part) => part !== null).join(' ');

/** pathOf is the page of what a step is about. */
export function pathOf(step: Pick<TraceStep, 'resource_type' | 'resource_id'>): string | undefined {
  if (!step.resource_id) return undefined;
  switch (step.resource_type) {
    case 'port':
      return `/ports/${step.resource_id}`;
    case 'security_group':
      return `/security-groups/${step.resource_id}`;
    case 'network':
      return `/networks/${step.resource_id}`;
    case 'router':
      return `/routers/${step.resource_id}`;
    case 'floatingip':
      return '/floating-ips';
    default:
      return undefined;
  }
}

/** Errors of the API that have words of their own here. */
export const knownErrors = ['PortNotBound', 'PortNotTraceable', 'PortNotReady', 'HostBusy', 'HostUnavailable'];
