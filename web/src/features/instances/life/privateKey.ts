/** The parts of an RSA private key that decryption needs. */
export interface RSAKey {
  n: bigint;
  d: bigint;
}

/** Why a file is no key that can be used: a word of `guestPassword.problem`. */
export type KeyProblem = 'noKey' | 'encryptedKey' | 'notRSA';

const numberOf = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const bytesOfBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** elements reads what is in a DER sequence: each with its tag and its content (X.690, 8.1). */
function elements(der: Uint8Array): { tag: number; content: Uint8Array }[] {
  const found: { tag: number; content: Uint8Array }[] = [];
  for (let at = 0; at + 1 < der.length; ) {
    const tag = der[at] ?? 0;
    let length = der[at + 1] ?? 0;
    at += 2;
    if (length & 0x80) {
      const size = length & 0x7f;
      length = Number(numberOf(der.subarray(at, at + size)));
      at += size;
    }
    if (at + length > der.length) throw new Error('cut off');
    found.push({ tag, content: der.subarray(at, at + length) });
    at += length;
  }
  return found;
}

/** ofPKCS1 reads RSAPrivateKey (RFC 8017, A.1.2): version, n, e, d, … */
function ofPKCS1(der: Uint8Array): RSAKey | undefined {
  const [outer] = elements(der);
  const parts = outer?.tag === 0x30 ? elements(outer.content) : [];
  const [, n, , d] = parts;
  if (parts.length < 9 || parts.slice(0, 9).some((p) => p.tag !== 0x02) || !n || !d) return undefined;
  return { n: numberOf(n.content), d: numberOf(d.content) };
}

const rsaEncryption = '42,134,72,134,247,13,1,1,1';

/** ofPKCS8 reads PrivateKeyInfo (RFC 5958): version, algorithm, and the key in an octet string. */
function ofPKCS8(der: Uint8Array): RSAKey | undefined {
  const [outer] = elements(der);
  const [, algorithm, key] = outer ? elements(outer.content) : [];
  const name = algorithm && elements(algorithm.content)[0]?.content.join();
  return name === rsaEncryption && key?.tag === 0x04 ? ofPKCS1(key.content) : undefined;
}

/** fields reads strings with their lengths in four bytes (RFC 4251, 5). */
function fields(bytes: Uint8Array, from: number, count: number): { list: Uint8Array[]; end: number } {
  const list: Uint8Array[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const length = Number(numberOf(bytes.subarray(at, at + 4)));
    if (at + 4 + length > bytes.length) throw new Error('cut off');
    list.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { list, end: at };
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const openSSHMagic = 'openssh-key-v1\0';

/** ofOpenSSH reads the format of ssh-keygen (PROTOCOL.key of OpenSSH). */
function ofOpenSSH(bytes: Uint8Array): RSAKey | KeyProblem {
  if (text(bytes.subarray(0, openSSHMagic.length)) !== openSSHMagic) return 'noKey';
  const { list, end } = fields(bytes, openSSHMagic.length, 3); // cipher, kdf, its options
  if (text(list[0]) !== 'none') return 'encryptedKey';
  const { list: keys } = fields(bytes, end + 4, 2); // after the number of keys: public, private
  const secret = keys[1] ?? new Uint8Array();
  const { list: parts } = fields(secret, 8, 1); // after two check numbers
  if (text(parts[0]) !== 'ssh-rsa') return 'notRSA';
  const [, n, , d] = fields(secret, 8, 4).list;
  return n && d ? { n: numberOf(n), d: numberOf(d) } : 'noKey';
}

/** readPrivateKey reads a PEM file with an RSA key: PKCS #1, PKCS #8 or that of OpenSSH. */
export function readPrivateKey(pem: string): RSAKey | KeyProblem {
  const found = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]+?)-----END \1-----/.exec(pem);
  const [, kind = '', body = ''] = found ?? [];
  if (kind === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type: *4,ENCRYPTED/m.test(body)) return 'encryptedKey';
  try {
    const bytes = bytesOfBase64(body.replace(/\s+/g, ''));
    if (kind === 'RSA PRIVATE KEY') return ofPKCS1(bytes) ?? 'noKey';
    if (kind === 'PRIVATE KEY') return ofPKCS8(bytes) ?? 'notRSA';
    if (kind === 'OPENSSH PRIVATE KEY') return ofOpenSSH(bytes);
  } catch {
    return 'noKey';
  }
  return kind.endsWith('PRIVATE KEY') ? 'notRSA' : 'noKey';
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/**
 * decryptPassword opens what a guest has encrypted with the public key of its key pair (RSAES-PKCS1-v1_5, RFC 8017, 7.2.2), in
 * base64; undefined when the key is another. Browsers have no such cipher of their own.
 */
export function decryptPassword(key: RSAKey, encrypted: string): string | undefined {
  let cipher: bigint;
  try {
    cipher = numberOf(bytesOfBase64(encrypted.replace(/\s+/g, '')));
  } catch {
    return undefined;
  }
  if (cipher >= key.n) return undefined;
  const size = Math.ceil(key.n.toString(16).length / 2);
  const hex = power(cipher, key.d, key.n)
    .toString(16)
    .padStart(size * 2, '0');
  const block = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const end = block.indexOf(0, 2);
  if (block[0] !== 0 || block[1] !== 2 || end < 10) return undefined;
  return text(block.subarray(end + 1));
}
