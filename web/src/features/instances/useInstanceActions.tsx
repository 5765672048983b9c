import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { type Action, type Actions, opens } from '~/ui/actions';
import { EditForm, LockForm, MetadataForm, TagsForm } from './dialogs';
import { type Operation, refusedWords, serverActions } from './lifecycle';

type Dialog = 'edit' | 'metadata' | 'tags' | 'lockReason';

/** All that can be done to servers, with the dialogs that it opens; for the list and for the page of one server. */
export function useInstanceActions(): {
  actions: Actions<Server>;
  dialog: ReactElement | null;
} {
  const { t } = useTranslation('instances');
  const { isAdmin } = useSession();
  const [open, setOpen] = useState<{ dialog: Dialog; server: Server }>();
  const opener = (dialog: Dialog, text: string, operation: Operation): Action<Server> =>
    opens({
      id: dialog,
      text,
      refused: (s: Server) => refusedWords(t, s, operation, isAdmin),
      open: (server: Server) => setOpen({ dialog, server }),
    });
  const lifecycle = serverActions(t, { isAdmin });
  const pick = (...ids: string[]) => lifecycle.filter((a) => ids.includes(a.id));
  const forms = { edit: EditForm, metadata: MetadataForm, tags: TagsForm, lockReason: LockForm };
  const Form = open && forms[open.dialog];
  return {
    dialog: Form ? <Form server={open.server} onClose={() => setOpen(undefined)} /> : null,
    actions: [
      { heading: t('menu.power'), actions: pick('start', 'stop', 'reboot', 'hard-reboot') },
      {
        heading: t('menu.change'),
        actions: [
          opener('edit', t('edit.action'), 'edit'),
          opener('metadata', t('metadata.action'), 'metadata'),
          opener('tags', t('tags.action'), 'tags'),
        ],
      },
      {
        heading: t('menu.protection'),
        actions: [...pick('lock'), opener('lockReason', t('lockReason.action'), 'lock'), ...pick('unlock')],
      },
      ...(isAdmin ? [{ heading: t('common:admin'), actions: pick('reset-active', 'reset-error') }] : []),
      ...pick('delete'),
    ],
  };
}
