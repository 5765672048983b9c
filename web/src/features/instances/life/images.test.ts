import { expect, test } from 'vitest';
import type { Server } from '~/api/compute';
import type { Image } from '~/api/image';
import { backupsOf, datedName, imageOptions } from './images';

const image = (id: string, rest: Partial<Image> = {}) =>
  ({
    id,
    name: id,
    status: 'active',
    min_ram: 0,
    min_disk: 0,
    size: 1,
    created_at: '2026-01-01T00:00:00Z',
    ...rest,
  }) as Image;

test('backups are those of a server and a type, the newest first', () => {
  const backup = (id: string, server: string, type: string, at: string) =>
    image(id, { image_type: 'backup', instance_uuid: server, backup_type: type, created_at: at });
  const images = [
    backup('old', 's', 'daily', '2026-01-01'),
    backup('new', 's', 'daily', '2026-01-02'),
    backup('weekly', 's', 'weekly', '2026-01-03'),
    backup('other', 'o', 'daily', '2026-01-03'),
    image('snapshot', { image_type: 'snapshot', instance_uuid: 's', backup_type: 'daily' }),
  ];
  expect(backupsOf(images, 's', 'daily').map((i) => i.id)).toEqual(['new', 'old']);
});

test('images that cannot be used are not offered, or say why', () => {
  const server = { flavor: { ram: 512, disk: 1 } } as Server;
  const options = imageOptions(
    (key) => key,
    [image('b'), image('large', { min_disk: 2 }), image('queued', { status: 'queued' }), image('a')],
    server,
    false,
  );
  expect(options.map((o) => o.value)).toEqual(['a', 'b', 'large']);
  expect(options[2]).toMatchObject({ disabled: true, description: 'instances:misfit.minDisk' });
});

test('a name has the time in it', () => {
  expect(datedName({ id: 'i', name: 'web' }, new Date(2026, 0, 5, 7, 9))).toBe('web-2026-01-05-0709');
});
