// @vitest-environment node
import { constants, createPublicKey, generateKeyPairSync, publicEncrypt } from 'node:crypto';
import { expect, test } from 'vitest';
import { decryptPassword, readPrivateKey } from './privateKey';

const pair = generateKeyPairSync('rsa', { modulusLength: 1024 });
const other = generateKeyPairSync('rsa', { modulusLength: 1024 });
const pem = (type: 'pkcs1' | 'pkcs8') => pair.privateKey.export({ type, format: 'pem' }).toString();
const encrypted = (words: string) =>
  publicEncrypt(
    { key: createPublicKey(pair.privateKey), padding: constants.RSA_PKCS1_PADDING },
    Buffer.from(words),
  ).toString('base64');

/** openSSH is the key as ssh-keygen writes it, encrypted or not. */
function openSSH(cipher = 'none', kind = 'ssh-rsa'): string {
  const jwk = pair.privateKey.export({ format: 'jwk' });
  const string = (bytes: Buffer | string) => {
    const content = Buffer.from(bytes as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    return Buffer.concat([length, content]);
  };
  const number = (part?: string) => string(Buffer.concat([Buffer.from([0]), Buffer.from(part ?? '', 'base64url')]));
  const secret = Buffer.concat([
    Buffer.alloc(8),
    string(kind),
    number(jwk.n),
    number(jwk.e),
    number(jwk.d),
    number(jwk.qi),
    number(jwk.p),
    number(jwk.q),
    string('comment'),
  ]);
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string(cipher),
    string('none'),
    string(''),
    Buffer.from([0, 0, 0, 1]),
    string('public'),
    string(secret),
  ]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${whole.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

test.each([
  ['PKCS #1', pem('pkcs1')],
  ['PKCS #8', pem('pkcs8')],
  ['OpenSSH', openSSH()],
])('a key in the form of %s opens the password', (_, file) => {
  const key = readPrivateKey(file);
  if (typeof key === 'string') throw new Error(key);
  expect(decryptPassword(key, encrypted('Gänsefüßchen 1!'))).toBe('Gänsefüßchen 1!');
});

test('another key does not open it, nor what is no base64', () => {
  const key = readPrivateKey(other.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
  if (typeof key === 'string') throw new Error(key);
  expect(decryptPassword(key, encrypted('secret'))).toBeUndefined();
  expect(decryptPassword(key, '§§')).toBeUndefined();
});

test.each<[string, string, string]>([
  ['text', 'hello', 'noKey'],
  ['a key that is cut off', pem('pkcs1').replace(/\n[^-]{200}/, '\n'), 'noKey'],
  [
    'a key with a password',
    pair.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }).toString(),
    'encryptedKey',
  ],
  ['a key of OpenSSH with a password', openSSH('aes256-ctr'), 'encryptedKey'],
  ['another kind of OpenSSH', openSSH('none', 'ssh-ed25519'), 'notRSA'],
  [
    'an elliptic curve',
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'notRSA',
  ],
])('%s says what it is', (_, file, wanted) => {
  expect(readPrivateKey(file)).toBe(wanted);
});
