import type { SubnetPool } from '~/api/networkSharing';
import type { Fields } from '~/api/networkWrite';
import { all, type Rule, say, wholeNumber } from '~/ui/rules';
import { linesOf, networkOf, parseRange } from '~/ui/subnetRules';

/** What the fields of a pool hold; numbers are text, prefixes one on a line. */
export interface PoolValues {
  name: string;
  description: string;
  prefixes: string;
  shortest: string;
  usual: string;
  longest: string;
  quota: string;
  scope: string;
  shared: boolean;
  isDefault: boolean;
}

export const newPool: PoolValues = {
  name: '',
  description: '',
  prefixes: '',
  shortest: '',
  usual: '',
  longest: '',
  quota: '',
  scope: '',
  shared: false,
  isDefault: false,
};

export const poolValuesOf = (p: SubnetPool): PoolValues => ({
  name: p.name,
  description: p.description,
  prefixes: '',
  shortest: p.min_prefixlen,
  usual: p.default_prefixlen,
  longest: p.max_prefixlen,
  quota: p.default_quota ? String(p.default_quota) : '',
  scope: p.address_scope_id ?? '',
  shared: p.shared,
  isDefault: p.is_default,
});

/** versionOf is that of the first prefix, which all others must have too. */
export function versionOf(prefixes: string): 4 | 6 | undefined {
  const [first = ''] = linesOf(prefixes);
  if (!parseRange(first)) return undefined;
  return first.includes(':') ? 6 : 4;
}

/** prefixList checks ranges, one on a line: without host bits, and all of one version. */
export const prefixList =
  (version?: 4 | 6): Rule =>
  (value) => {
    const wanted = version ?? versionOf(value);
    for (const line of linesOf(value)) {
      if (!parseRange(line)) return say('cidr');
      if (wanted && versionOf(line) !== wanted) {
        return say('rangeOf', { version: wanted, example: wanted === 4 ? '10.0.0.0/16' : 'fd00::/48' });
      }
      const written = networkOf(line);
      if (written !== line) return say('canonical', { range: written });
    }
    return undefined;
  };

export const lengthOf = (version: 4 | 6): Rule => wholeNumber(1, version === 4 ? 32 : 128);

/** between checks that a length is one that the pool allows; what is not given is for the cloud. */
export const between = (version: 4 | 6, shortest: string, longest: string): Rule =>
  all(lengthOf(version), wholeNumber(Number(shortest) || 0, Number(longest) || 128));

export function poolFields(v: PoolValues, { admin, before }: { admin: boolean; before?: SubnetPool }): Fields {
  const fields: Fields = { name: v.name.trim(), description: v.description };
  if (v.shortest) fields.min_prefixlen = Number(v.shortest);
  if (v.usual) fields.default_prefixlen = Number(v.usual);
  if (v.longest) fields.max_prefixlen = Number(v.longest);
  if (v.quota || before) fields.default_quota = v.quota ? Number(v.quota) : null;
  if (v.scope || before) fields.address_scope_id = v.scope || null;
  if (!before) fields.prefixes = linesOf(v.prefixes);
  if (admin) {
    fields.is_default = v.isDefault;
    if (!before) fields.shared = v.shared;
  }
  return fields;
}
