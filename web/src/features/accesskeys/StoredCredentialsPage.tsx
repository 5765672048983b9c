import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type StoredCredential, useStoredCredentials } from '~/api/delegation';
import { write } from '~/api/write';
import { useMyProjects, useSession } from '~/app/useSession';
import { useProjectWords } from '~/features/sharing/useProjectNames';
import { opens } from '~/ui/actions';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { ListPage } from '~/ui/ListPage';
import { maxLength } from '~/ui/rules';
import { useEditDelete } from '~/ui/useEditDelete';

type Row = StoredCredential & { name: string };

/** Secrets that the cloud keeps for the user: seeds of one-time passwords, certificates, and whatever programs put there. */
export default function StoredCredentialsPage() {
  const { t } = useTranslation('accesskeys');
  const { body } = useSession();
  const column = useColumns<Row>();
  const project = useProjectWords();
  const query = useStoredCredentials(body.user.id);
  const [shown, setShown] = useState<Row>();
  const { actions, dialog } = useEditDelete<Row>({
    edit: (before, close) => <StoredForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('stored.deleteTitle', { count: items.length, name: items[0]?.type }),
      body: t('stored.deleteText'),
    }),
    remove: (c) => write(['credential'], 'identity', 'DELETE', `/credentials/${c.id}`),
  });
  return (
    <ListPage
      id="stored-credentials"
      path="/stored-credentials"
      title={t('common:nav.items.storedCredentials')}
      description={t('stored.about')}
      query={{ ...query, data: query.data?.map((c): Row => ({ ...c, name: c.type })) }}
      columns={[
        { ...column.name(), header: t('stored.type') },
        column.text('project', t('common:project'), (c) => (c.project_id ? project(c.project_id) : '–')),
        column.id(true),
      ]}
      actions={[opens<Row>({ id: 'show', text: t('show'), open: setShown }), ...actions]}
      create={{ text: t('stored.create'), form: (close) => <StoredForm onClose={close} /> }}
      empty={{ title: t('stored.empty') }}
      dialog={
        dialog ??
        (shown && (
          <Modal
            visible
            header={t('stored.content', { name: shown.type })}
            closeAriaLabel={t('common:close')}
            onDismiss={() => setShown(undefined)}
            footer={
              <Box float="right">
                <Button onClick={() => setShown(undefined)}>{t('common:close')}</Button>
              </Box>
            }
          >
            <Copyable text={shown.blob} />
          </Modal>
        ))
      }
    />
  );
}

function StoredForm({ before, onClose }: { before?: StoredCredential; onClose(): void }) {
  const { t } = useTranslation('accesskeys');
  const { body } = useSession();
  const projects = useMyProjects();
  const form = useForm({
    mode: 'onChange',
    defaultValues: { type: before?.type ?? '', blob: before?.blob ?? '', project: '' },
  });
  return (
    <FormModal
      title={before ? t('stored.editTitle', { name: before.type }) : t('stored.create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ type, blob, project }) => {
        const path = '/credentials';
        if (before) {
          await write(['credential'], 'identity', 'PATCH', `${path}/${before.id}`, { credential: { blob } });
          return;
        }
        const fields = { user_id: body.user.id, type: type.trim(), blob, ...(project && { project_id: project }) };
        await write(['credential'], 'identity', 'POST', path, { credential: fields });
      }}
    >
      {!before && (
        <TextField
          control={form.control}
          name="type"
          label={t('stored.type')}
          hint={t('stored.typeHint')}
          autoFocus
          rule={maxLength(255)}
        />
      )}
      <TextField control={form.control} name="blob" label={t('stored.blob')} rows={5} />
      {!before && (
        <SelectField
          control={form.control}
          name="project"
          label={t('common:project')}
          options={(projects.data ?? []).map((p) => ({ value: p.id, label: p.name }))}
          optional
        />
      )}
    </FormModal>
  );
}
