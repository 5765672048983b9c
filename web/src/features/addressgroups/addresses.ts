import { parseAddress } from '~/ui/address';
import { type Rule, say } from '~/ui/rules';
import { linesOf, networkOf, parseRange } from '~/ui/subnetRules';

/** addressList checks addresses and ranges, one on a line; a range has no host bits, and none is there twice. */
export const addressList: Rule = (value) => {
  const seen = new Set<string>();
  for (const line of linesOf(value)) {
    if (!parseAddress(line)) {
      if (!parseRange(line)) return say('cidr');
      const written = networkOf(line);
      if (written !== line) return say('canonical', { range: written });
    }
    if (seen.has(line)) return say('twice');
    seen.add(line);
  }
  return undefined;
};
