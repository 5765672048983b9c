import { beforeAll, expect, test } from 'vitest';
import { startI18n } from '~/app/i18n';
import { commentOf, fileNameOf, generatedName, importedName, publicKeyRule } from './publicKey';

beforeAll(startI18n);

const ed25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJp1Tx9mC5lTW3tMA6PnVXqPzKDwFIvJzMHrNWLyL9sN me@example.org';
const ssh = publicKeyRule('ssh');
const x509 = publicKeyRule('x509');

test.each([
  ['a key', ed25519, true],
  ['a key and a line break', `${ed25519}\n`, true],
  ['without a comment', ed25519.split(' ').slice(0, 2).join(' '), true],
  ['two keys', `${ed25519}\n${ed25519}`, false],
  ['cut off', ed25519.slice(0, 30), false],
  ['another algorithm than the key has', ed25519.replace('ssh-ed25519', 'ssh-rsa'), false],
  ['options before it', `no-pty ${ed25519}`, false],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----', false],
  ['something else', 'hello', false],
])('%s', (_, value, fits) => {
  expect(ssh(value) === undefined).toBe(fits);
});

test('a private key is called what it is, whatever is imported', () => {
  for (const rule of [ssh, x509]) expect(rule('-----BEGIN RSA PRIVATE KEY-----')).not.toBe(rule('hello'));
});

test('a certificate has its lines around it', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\nabc=\n-----END CERTIFICATE-----';
  expect(x509(`${pem}\n`)).toBeUndefined();
  expect(x509(ed25519)).toBeDefined();
  expect(x509(`${pem}\n${pem}`)).toBeDefined();
});

test('names, and the files that private keys are kept in', () => {
  expect(generatedName('my key_1')).toBeUndefined();
  expect(generatedName('me@example.org')).toBeDefined();
  expect(importedName('me@example.org')).toBeUndefined();
  expect(importedName('me/you')).toBeDefined();
  expect(fileNameOf('my key')).toBe('my_key.pem');
  expect(commentOf(ed25519)).toBe('me@example.org');
});
