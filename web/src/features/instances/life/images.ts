import type { Server } from '~/api/compute';
import type { Image } from '~/api/image';
import type { Option } from '~/ui/fields';
import { formatTime, nameOf } from '~/ui/format';
import { misfitOf } from '../launch/fits';
import type { Words } from '../lifecycle';

/** imageOptions are the images that a machine of the server's size can be made of; those that are too large say so. */
export function imageOptions(t: Words, images: Image[], server: Pick<Server, 'flavor'>, isAdmin: boolean): Option[] {
  return images
    .filter((i) => i.status === 'active')
    .sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
    .map((i) => {
      const wrong = misfitOf(server.flavor, i, isAdmin);
      return {
        value: i.id,
        label: nameOf(i),
        description: wrong ? t(`instances:misfit.${wrong.word}`, { need: wrong.need }) : formatTime(i.created_at),
        disabled: wrong !== undefined,
      };
    });
}

/** Images that were made of a server by backups of a type, the newest first. */
export const backupsOf = (images: Image[], server: string, type: string): Image[] =>
  images
    .filter((i) => i.image_type === 'backup' && i.instance_uuid === server && i.backup_type === type)
    .sort((a, b) => b.created_at.localeCompare(a.created_at));

/** datedName is what an image of a server is called if nobody says otherwise: web-2026-01-31-1405. */
export function datedName(server: Pick<Server, 'name' | 'id'>, now = new Date()): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${nameOf(server)}-${day}-${two(now.getHours())}${two(now.getMinutes())}`;
}
