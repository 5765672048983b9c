import i18next from 'i18next';
import { beforeAll, expect, test } from 'vitest';
import type { Image } from '~/api/image';
import { startWords } from '~/test/words';
import words from './en.json';
import { kindOf } from './kind';

beforeAll(() => startWords('images', words));

test.each<[Record<string, string>, string]>([
  [{}, 'Image'],
  [{ image_type: 'snapshot', instance_uuid: 's' }, 'Of an instance'],
  [{ image_type: 'backup', instance_uuid: 's', backup_type: 'daily' }, 'Backup: daily'],
])('%o', (properties, wanted) => {
  expect(kindOf(i18next.t, properties as unknown as Image)).toBe(wanted);
});
