import { pathPart } from '~/api/client';
import type { KeyPair } from '~/api/compute';
import { write } from '~/api/write';

const shown = ['keypair'];

/** The last microversion at which the cloud makes keys itself; later ones want a public key. */
const lastWithGeneration = '2.91';

/** generateKey makes a pair; the private key is in this answer and nowhere else. */
export async function generateKey(name: string): Promise<string> {
  const { keypair } = await write<{ keypair: KeyPair & { private_key: string } }>(
    shown,
    'compute',
    'POST',
    '/os-keypairs',
    { keypair: { name: name.trim(), type: 'ssh' } },
    { version: lastWithGeneration },
  );
  return keypair.private_key;
}

export const importKey = (name: string, type: KeyPair['type'], publicKey: string) =>
  write(shown, 'compute', 'POST', '/os-keypairs', {
    keypair: { name: name.trim(), type, public_key: publicKey.trim() },
  });

export const deleteKey = (name: string) => write(shown, 'compute', 'DELETE', `/os-keypairs/${pathPart(name)}`);
