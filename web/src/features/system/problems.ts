import type { ComputeService } from '~/api/compute';
import type { Health } from '~/api/health';
import type { Finding, NetworkAgent } from '~/api/network';
import type { ServiceCheck } from './checks';

/** Something that is broken now. key: its words in the system's words. */
export interface Problem {
  id: string;
  key: 'part' | 'document' | 'list' | 'compute' | 'agent' | 'finding';
  values: Record<string, string>;
  /** The command that mends it, or a sentence where no command can. */
  mend?: string;
}

export interface HostFinding extends Finding {
  id: string;
  host: string;
}

const gravity = { fatal: 0, warn: 1, ok: 2 };

/** findingsOf are what the hosts found when they looked at themselves, problems first. */
export const findingsOf = (agents: NetworkAgent[]): HostFinding[] =>
  agents
    .flatMap((agent) =>
      (agent.configurations.findings ?? []).map((f) => ({ ...f, host: agent.host, id: `${agent.host} ${f.check}` })),
    )
    .sort((a, b) => gravity[a.level] - gravity[b.level] || a.host.localeCompare(b.host));

/** What to do on a host whose parts are silent: the node tells in its own words why it does not come up. */
export const mendHost = 'wisp doctor --problems';

export interface Seen {
  health?: Pick<Health, 'ok' | 'details'>;
  checks?: ServiceCheck[];
  services?: ComputeService[];
  agents?: NetworkAgent[];
}

/** problemsOf is what is broken, the causes before what follows from them: the server's own parts first. */
export function problemsOf({ health, checks = [], services = [], agents = [] }: Seen): Problem[] {
  const parts = Object.entries(health?.details ?? {})
    .filter(([, part]) => !part.ok)
    .map(
      ([name, part]): Problem => ({
        id: `part ${name}`,
        key: 'part',
        values: { name, reason: part.reason ?? '' },
        mend: part.mend,
      }),
    );
  const answers = checks.flatMap((check) =>
    (['document', 'list'] as const)
      .filter((what) => !check[what].ok)
      .map(
        (what): Problem => ({
          id: `${what} ${check.type}`,
          key: what,
          values: { name: check.type, reason: check[what].reason ?? '' },
        }),
      ),
  );
  const down = services
    .filter((s) => s.state === 'down')
    .map(
      (s): Problem => ({
        id: `compute ${s.id}`,
        key: 'compute',
        values: { name: s.binary, host: s.host },
        mend: mendHost,
      }),
    );
  const silent = agents
    .filter((a) => !a.alive)
    .map(
      (a): Problem => ({
        id: `agent ${a.id}`,
        key: 'agent',
        values: { name: a.agent_type, host: a.host },
        mend: mendHost,
      }),
    );
  const fatal = findingsOf(agents)
    .filter((f) => f.level === 'fatal')
    .map(
      (f): Problem => ({
        id: `finding ${f.id}`,
        key: 'finding',
        values: { name: f.check, host: f.host, reason: [f.detail, f.breaks].filter(Boolean).join(': ') },
        mend: f.mend,
      }),
    );
  return [...parts, ...answers, ...down, ...silent, ...fatal];
}

/** isCommand tells a command, which people copy, from a sentence. */
export const isCommand = (mend: string): boolean =>
  /^(sudo |wisp |apt-get |systemctl |sysctl |modprobe |mount |ip |chmod |chown |nft )/.test(mend);
