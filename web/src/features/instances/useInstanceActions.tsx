import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { type Action, type Actions, opens } from '~/ui/actions';
import { EditForm, LockForm, MetadataForm, TagsForm } from './dialogs';
import { AttachForm } from './life/AttachForm';
import { BackupForm } from './life/BackupForm';
import { EvacuateForm } from './life/EvacuateForm';
import { GuestPassword } from './life/GuestPassword';
import { RebuildForm } from './life/RebuildForm';
import { RescueForm } from './life/RescueForm';
import { ResizeForm } from './life/ResizeForm';
import { SnapshotForm } from './life/SnapshotForm';
import { UnshelveForm } from './life/UnshelveForm';
import { type Operation, refusedWords, serverActions } from './lifecycle';

const forms = {
  edit: EditForm,
  metadata: MetadataForm,
  tags: TagsForm,
  lockReason: LockForm,
  rescue: RescueForm,
  rebuild: RebuildForm,
  resize: ResizeForm,
  snapshot: SnapshotForm,
  backup: BackupForm,
  unshelve: UnshelveForm,
  attach: AttachForm,
  evacuate: EvacuateForm,
  guestPassword: GuestPassword,
};
type Dialog = keyof typeof forms;

/** All that can be done to servers, with the dialogs that it opens; for the list and for the page of one server. */
export function useInstanceActions(): {
  actions: Actions<Server>;
  dialog: ReactElement | null;
} {
  const { t } = useTranslation('instances');
  const { isAdmin } = useSession();
  const [open, setOpen] = useState<{ dialog: Dialog; server: Server }>();
  const opener = (
    dialog: Dialog,
    text: string,
    operation: Operation,
    fits?: (servers: Server[]) => boolean,
  ): Action<Server> =>
    opens({
      id: dialog,
      text,
      fits,
      refused: (s: Server) => refusedWords(t, s, operation, isAdmin),
      open: (server: Server) => setOpen({ dialog, server }),
    });
  const lifecycle = serverActions(t, { isAdmin });
  const pick = (...ids: string[]) => lifecycle.filter((a) => ids.includes(a.id));
  const shelved = (servers: Server[]) => servers.some((s) => s['OS-EXT-STS:vm_state'].startsWith('shelved'));
  const Form = open && forms[open.dialog];
  return {
    dialog: Form ? <Form server={open.server} onClose={() => setOpen(undefined)} /> : null,
    actions: [
      {
        heading: t('menu.power'),
        actions: [
          ...pick(
            'start',
            'stop',
            'reboot',
            'hard-reboot',
            'pause',
            'unpause',
            'suspend',
            'resume',
            'shelve',
            'offload',
            'restore',
            'dump',
          ),
          opener('unshelve', t('unshelve.action'), 'unshelve', shelved),
        ],
      },
      {
        heading: t('menu.disk'),
        actions: [
          opener('snapshot', t('snapshot.action'), 'snapshot'),
          opener('backup', t('backup.action'), 'backup'),
          ...pick('confirm-resize', 'revert-resize'),
          opener('resize', t('resize.action'), 'resize'),
          opener('rebuild', t('rebuild.action'), 'rebuild'),
          opener('rescue', t('rescue.action'), 'rescue'),
          ...pick('unrescue'),
        ],
      },
      {
        heading: t('menu.change'),
        actions: [
          opener('edit', t('edit.action'), 'edit'),
          opener('metadata', t('metadata.action'), 'metadata'),
          opener('tags', t('tags.action'), 'tags'),
          opener('attach', t('attach.action'), 'interfaces'),
        ],
      },
      {
        heading: t('menu.protection'),
        actions: [
          ...pick('lock'),
          opener('lockReason', t('lockReason.action'), 'lock'),
          ...pick('unlock'),
          opener('guestPassword', t('guestPassword.action'), 'password'),
        ],
      },
      ...(isAdmin
        ? [
            {
              heading: t('common:admin'),
              actions: [opener('evacuate', t('evacuate.action'), 'evacuate'), ...pick('reset-active', 'reset-error')],
            },
          ]
        : []),
      ...pick('delete'),
    ],
  };
}
