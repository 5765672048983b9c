import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { Image } from '~/api/image';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { download } from '~/ui/download';
import { notify } from '~/ui/notify';
import * as access from './access';
import { EditForm } from './EditForm';
import { deleteImage, downloadData, patchImage, setActive } from './mutations';
import { PropertiesForm } from './PropertiesForm';
import { TagsForm } from './TagsForm';
import { UploadDialog } from './UploadDialog';
import { VisibilityForm } from './VisibilityForm';

const forms = {
  edit: EditForm,
  visibility: VisibilityForm,
  properties: PropertiesForm,
  tags: TagsForm,
  upload: UploadDialog,
};

/** What can be done to images, and the dialog that it opens. */
export function useImageActions(onDeleted?: () => void): { actions: Action<Image>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('images');
  const who = useSession();
  const navigate = useNavigate();
  const [open, setOpen] = useState<{ form: keyof typeof forms; image: Image }>();
  const say = (refusal: access.Refusal) => refusal && t(refusal);
  const change = (i: Image) => say(access.refusedChange(i, who));
  const opener = (form: keyof typeof forms, text: string, refused = change) =>
    opens<Image>({ id: form, text, refused, open: (image) => setOpen({ form, image }) });
  const protect = (on: boolean): Action<Image> => ({
    id: on ? 'protect' : 'unprotect',
    text: t(on ? 'protect' : 'unprotect'),
    refused: (i) => change(i) ?? (i.protected === on ? t(on ? 'refused.protected' : 'refused.unprotected') : undefined),
    run: (i) => patchImage(i, { protected: on }),
  });
  const activation = (on: boolean): Action<Image> => ({
    id: on ? 'reactivate' : 'deactivate',
    text: t(on ? 'reactivate' : 'deactivate'),
    refused: (i) => say(access.refusedActivation(i, who, on)),
    question: on
      ? undefined
      : (items) => ({
          title: t('deactivateTitle', { count: items.length, name: items[0]?.name }),
          body: t('deactivateText'),
        }),
    run: (i) => setActive(i.id, on),
  });
  const Form = open && forms[open.form];
  return {
    dialog: Form && open ? <Form image={open.image} onClose={() => setOpen(undefined)} /> : null,
    actions: [
      opens({
        id: 'launch',
        text: t('launch'),
        refused: (i: Image) => say(access.refusedLaunch(i)),
        open: (i: Image) => navigate(`/instances/launch?image=${i.id}`),
      }),
      opener('edit', t('common:edit')),
      opener('visibility', t('visibility.action')),
      opener('properties', t('properties.action')),
      opener('tags', t('tags.action')),
      protect(true),
      protect(false),
      activation(false),
      activation(true),
      opener('upload', t('upload.action'), (i) => say(access.refusedUpload(i, who))),
      opens({
        id: 'download',
        text: t('download.action'),
        refused: (i: Image) => say(access.refusedDownload(i, who)),
        open: (i: Image) => void saveData(i, t('download.failed', { name: i.name || i.id })),
      }),
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (i) => say(access.refusedDelete(i, who)),
        question: (items) => ({
          title: t('deleteTitle', { count: items.length, name: items[0]?.name || items[0]?.id }),
          body: t('deleteText'),
        }),
        run: async (i) => {
          await deleteImage(i.id);
          onDeleted?.();
        },
      },
    ],
  };
}

async function saveData(image: Image, failed: string): Promise<void> {
  try {
    await downloadData(image, (name, data) => download(name, data, 'application/octet-stream'));
  } catch (error) {
    notify.error(failed, error);
  }
}
