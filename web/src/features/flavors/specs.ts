import i18next from 'i18next';
import { type Known, oneOf, shaped, whole } from '~/ui/known';
import type { Rule } from '~/ui/rules';

// The Compute API's extra specs and what it checks of them (Nova's validators since 2.86).

type Words = (key: string) => string;

interface Spec {
  key: string;
  values?: string[];
  rule?: Rule;
}

const truth = ['true', 'false'];
const choice = (key: string, ...values: string[]): Spec => ({ key, values });
const count = (key: string, min?: number, max?: number): Spec => ({ key, rule: whole(min, max) });
const form = (key: string, expression: RegExp, example: string): Spec => ({ key, rule: shaped(expression, example) });
const mask = /^\^?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*$/;

/** The specs that people use, by what they are about: a word of `specs.group`. */
const groups: Record<string, Spec[]> = {
  cpu: [
    choice('hw:cpu_policy', 'dedicated', 'shared', 'mixed'),
    choice('hw:cpu_thread_policy', 'prefer', 'isolate', 'require'),
    choice('hw:emulator_threads_policy', 'isolate', 'share'),
    form('hw:cpu_dedicated_mask', mask, '0-1,^3'),
    choice('hw:cpu_realtime', ...truth),
    count('hw:cpu_sockets', 1),
    count('hw:cpu_cores', 1),
    count('hw:cpu_threads', 1),
    count('hw:max_cpu_sockets', 1),
    count('hw:max_cpu_cores', 1),
    count('hw:max_cpu_threads', 1),
    choice('hw:pmu', ...truth),
  ],
  memory: [
    form('hw:mem_page_size', /^(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)$/, 'large, 2MB'),
    count('hw:numa_nodes', 1),
    choice('hw:locked_memory', ...truth),
    choice('hw:mem_encryption', ...truth),
  ],
  devices: [
    choice('hw_rng:allowed', ...truth),
    count('hw_rng:rate_bytes', 0),
    count('hw_rng:rate_period', 0),
    count('hw_video:ram_max_mb', 0),
    choice('hw:watchdog_action', 'none', 'pause', 'poweroff', 'reset', 'disabled'),
    count('hw:serial_port_count', 0),
    choice('hw:vif_multiqueue_enabled', ...truth),
    choice('hw:boot_menu', ...truth),
    choice('hw:hide_hypervisor_id', ...truth),
    choice('hw:tpm_model', 'tpm-tis', 'tpm-crb'),
    choice('hw:tpm_version', '1.2', '2.0'),
    choice('os:secure_boot', 'disabled', 'required'),
    form('pci_passthrough:alias', /^[^:]+:\d+(?:\s*,\s*[^:]+:\d+)*$/, 'gpu:1'),
  ],
  limits: [
    count('quota:cpu_shares', 0),
    count('quota:cpu_period', 0),
    count('quota:cpu_quota'),
    ...['read', 'write', 'total'].flatMap((way) => [
      count(`quota:disk_${way}_bytes_sec`, 0),
      count(`quota:disk_${way}_iops_sec`, 0),
    ]),
    ...['inbound', 'outbound'].flatMap((way) =>
      ['average', 'peak', 'burst'].map((measure) => count(`quota:vif_${way}_${measure}`, 0)),
    ),
  ],
};

/** knownSpecs are the extra specs that mean something to the cloud. */
export const knownSpecs = (t: Words): Known[] =>
  Object.entries(groups).flatMap(([group, specs]) =>
    specs.map(({ key, values, rule }) => ({
      key,
      values,
      rule: values ? oneOf(values) : rule,
      group: t(`specs.group.${group}`),
    })),
  );

/** mergeKnown adds what administrators have defined; their words win, for they know their cloud. */
export function mergeKnown(own: Known[], defined: Known[]): Known[] {
  const keys = new Set(defined.map((k) => k.key));
  return [...own.filter((k) => !keys.has(k.key)), ...defined];
}

/** Namespaces that are the cloud's own; what they are called, and what else is in them than what is known above. */
const own = ['hw', 'hw_rng', 'hw_video', 'os', 'quota'];
const more: RegExp[] = [
  /^hw:(cpu_realtime_mask|pci_numa_affinity_policy|pmem|viommu_model|ephemeral_encryption|ephemeral_encryption_format)$/,
  /^hw:numa_(cpus|mem)\.\d+$/,
  /^os:(monitors|vram|resolution)$/,
  /^quota:(cpu|memory|disk_io|vif)_(limit|reservation|shares_level|shares_share)$/,
];

/** unknownSpec says at once what the API would refuse: a spec of its own namespaces that means nothing. */
export const unknownSpec: Rule = (value) => {
  const key = value.trim();
  const namespace = key.slice(0, Math.max(0, key.indexOf(':')));
  const all = Object.values(groups).flat();
  if (!own.includes(namespace) || all.some((s) => s.key === key) || more.some((name) => name.test(key)))
    return undefined;
  return i18next.t('flavors:rules.unknownSpec', { namespace });
};
