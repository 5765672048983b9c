import i18next from 'i18next';
import type { KeyPair } from '~/api/compute';
import { maxLength, type Rule } from '~/ui/rules';

const say = (key: string): string => i18next.t(`keypairs:rules.${key}`);

const algorithms = [
  'ssh-ed25519',
  'ssh-rsa',
  'ssh-dss',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
];

/** algorithmIn is the name that a key blob begins with, after its length in four bytes (RFC 4253, 6.6). */
function algorithmIn(blob: string): string | undefined {
  let bytes: string;
  try {
    bytes = atob(blob);
  } catch {
    return undefined;
  }
  const code = (i: number) => bytes.charCodeAt(i);
  const length = (code(0) << 24) | (code(1) << 16) | (code(2) << 8) | code(3);
  return bytes.length > 4 + length ? bytes.slice(4, 4 + length) : undefined;
}

const sshKey: Rule = (value) => {
  const lines = value
    .trim()
    .split('\n')
    .filter((line) => line.trim());
  if (lines.length > 1) return say('oneKey');
  const [algorithm = '', blob = ''] = (lines[0] ?? '').trim().split(/\s+/);
  if (!algorithms.includes(algorithm)) return say('ssh');
  return algorithmIn(blob) === algorithm ? undefined : say('sshBroken');
};

const certificate: Rule = (value) =>
  /^-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----$/.test(value.trim())
    ? undefined
    : say('x509');

/** publicKeyRule checks what is imported. A private key is told apart: it must not leave its owner's machine. */
export const publicKeyRule =
  (type: KeyPair['type']): Rule =>
  (value) => {
    if (!value.trim()) return undefined;
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----|^PuTTY-User-Key-File/m.test(value)) return say('private');
    return maxLength(16_384)(value) ?? (type === 'ssh' ? sshKey : certificate)(value);
  };

/** commentOf is what stands behind an SSH key: mostly whose it is. */
export const commentOf = (key: string): string => key.trim().split(/\s+/).slice(2).join(' ');

const nameOf =
  (form: RegExp, word: string): Rule =>
  (value) => {
    if (!value) return undefined;
    return maxLength(255)(value.trim()) ?? (form.test(value.trim()) ? undefined : say(word));
  };

/** Names of keys that the cloud makes. */
export const generatedName = nameOf(/^[_\- a-zA-Z0-9]+$/, 'generatedName');
/** Names of keys that are imported may have more. */
export const importedName = nameOf(/^[_\-@. a-zA-Z0-9]+$/, 'importedName');

/** fileNameOf is where to keep a private key: without what shells and file systems mind. */
export const fileNameOf = (name: string): string => `${name.trim().replaceAll(/[^\w.@-]+/g, '_')}.pem`;
