import { useQuery } from '@tanstack/react-query';
import { ApiError } from './error';

/** One part of the cloud, as the server itself finds it. */
export interface PartHealth {
  ok: boolean;
  milliseconds: number;
  /** Why it does not work, and the command that mends it. */
  reason?: string;
  mend?: string;
  /** Of the node: connected hosts, and how old the newest sign of life is, in seconds. */
  hosts?: number;
  last_heartbeat_seconds?: number;
}

export interface Health {
  ok: boolean;
  parts: Record<string, boolean>;
  details: Record<string, PartHealth>;
}

/** How often the cloud's health is looked at while somebody looks at it, in ms. Silence makes no event. */
export const lookEvery = 15_000;

async function health(): Promise<Health> {
  let answer: Response;
  try {
    answer = await fetch('/healthz', { headers: { Accept: 'application/json' } });
  } catch (cause) {
    throw new ApiError(0, String(cause));
  }
  // A cloud that is not whole says so with 503 and the same body.
  if (!answer.ok && answer.status !== 503) throw new ApiError(answer.status, `HTTP ${answer.status}`);
  return (await answer.json()) as Health;
}

export const useHealth = () => useQuery({ queryKey: ['health'], queryFn: health, refetchInterval: lookEvery });
