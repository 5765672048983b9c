import ipaddr from 'ipaddr.js';
import { parseAddress } from './address';
import { type Rule, say } from './rule';

export { all, type Rule, required, say } from './rule';

export const maxLength =
  (max: number): Rule =>
  (value) =>
    [...value].length > max ? say('maxLength', { max }) : undefined;

export const pattern =
  (form: RegExp, key: string): Rule =>
  (value) =>
    value && !form.test(value) ? say(key) : undefined;

export const wholeNumber =
  (min: number, max: number = Number.MAX_SAFE_INTEGER): Rule =>
  (value) => {
    if (!value) return undefined;
    if (!/^-?\d+$/.test(value.trim())) return say('wholeNumber');
    const n = Number(value);
    if (n < min) return say('min', { min });
    return n > max ? say('max', { max }) : undefined;
  };

export const address: Rule = (value) => (value && !parseAddress(value) ? say('address') : undefined);

export const addressOf =
  (version: 4 | 6): Rule =>
  (value) =>
    value && parseAddress(value)?.kind() !== `ipv${version}` ? say('addressOf', { version }) : undefined;

export const cidr: Rule = (value) => {
  if (!value) return undefined;
  return ipaddr.isValidCIDR(value) ? undefined : say('cidr');
};

/** inside checks that an address lies in a range; a range that is no CIDR is for its own field to complain about. */
export const inside =
  (range: string): Rule =>
  (value) => {
    const one = parseAddress(value);
    if (!one || !ipaddr.isValidCIDR(range)) return undefined;
    const [network, bits] = ipaddr.parseCIDR(range);
    return one.kind() === network.kind() && one.match(network, bits) ? undefined : say('inside', { range });
  };

export const mac: Rule = pattern(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'mac');
/** A name without dots, and a domain that ends with one (RFC 1123). */
export const dnsLabel: Rule = pattern(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i, 'label');
export const dnsDomain: Rule = pattern(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+$/i, 'domain');
export const port: Rule = wholeNumber(1, 65535);

/** lines applies a rule to each line. */
export const lines =
  (rule: Rule): Rule =>
  (value) =>
    value
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .map(rule)
      .find((wrong) => wrong !== undefined);
