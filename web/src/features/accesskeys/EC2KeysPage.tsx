import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { pathPart } from '~/api/client';
import { type EC2Key, useEC2Keys } from '~/api/delegation';
import { write } from '~/api/write';
import { useMyProjects, useSession } from '~/app/useSession';
import { useProjectWords } from '~/features/sharing/useProjectNames';
import { opens } from '~/ui/actions';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { download } from '~/ui/download';
import { FormModal } from '~/ui/FormModal';
import { SelectField } from '~/ui/fields';
import { ListPage } from '~/ui/ListPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { awsCredentials, ec2rc } from './files';

type Row = EC2Key & { id: string; name: string };

/** The keys of the user for programs that speak the EC2 or S3 API. */
export default function EC2KeysPage() {
  const { t } = useTranslation('accesskeys');
  const { body } = useSession();
  const column = useColumns<Row>();
  const project = useProjectWords();
  const query = useEC2Keys(body.user.id);
  const [shown, setShown] = useState<EC2Key>();
  const { actions } = useEditDelete<Row>({
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.access }),
      body: t('deleteText'),
    }),
    remove: (k) =>
      write(['credential'], 'identity', 'DELETE', `/users/${body.user.id}/credentials/OS-EC2/${pathPart(k.access)}`),
  });
  return (
    <ListPage
      id="ec2-keys"
      path="/ec2-keys"
      title={t('common:nav.items.ec2Keys')}
      description={t('about')}
      query={{ ...query, data: query.data?.map((k): Row => ({ ...k, id: k.access, name: k.access })) }}
      columns={[
        { ...column.name(undefined, 340), header: t('access') },
        column.text('project', t('common:project'), (k) => (k.tenant_id ? project(k.tenant_id) : '–')),
      ]}
      actions={[opens<Row>({ id: 'show', text: t('show'), open: setShown }), ...actions]}
      create={{ text: t('create'), form: (close) => <KeyForm onClose={close} onCreated={setShown} /> }}
      empty={{ title: t('empty'), text: t('emptyText') }}
      dialog={shown && <KeyDialog made={shown} onClose={() => setShown(undefined)} />}
    />
  );
}

function KeyForm({ onClose, onCreated }: { onClose(): void; onCreated(key: EC2Key): void }) {
  const { t } = useTranslation('accesskeys');
  const { body, projectId } = useSession();
  const projects = useMyProjects();
  const form = useForm({ mode: 'onChange', defaultValues: { project: projectId } });
  return (
    <FormModal
      title={t('create')}
      submitLabel={t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ project }) => {
        const made = await write<{ credential: EC2Key }>(
          ['credential'],
          'identity',
          'POST',
          `/users/${body.user.id}/credentials/OS-EC2`,
          { tenant_id: project },
        );
        onCreated(made.credential);
      }}
    >
      <SelectField
        control={form.control}
        name="project"
        label={t('common:project')}
        description={t('projectText')}
        options={(projects.data ?? []).map((p) => ({ value: p.id, label: p.name }))}
      />
    </FormModal>
  );
}

/** A key with its secret, and the lines that programs read. */
function KeyDialog({ made, onClose }: { made: EC2Key; onClose(): void }) {
  const { t } = useTranslation('accesskeys');
  return (
    <Modal
      visible
      size="large"
      header={t('keyTitle')}
      closeAriaLabel={t('common:close')}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={onClose} data-testid="done">
            {t('common:close')}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <KeyValuePairs
          items={[
            { label: t('access'), value: <Copyable text={made.access} /> },
            {
              label: t('secret'),
              value: (
                <span data-testid="secret">
                  <Copyable text={made.secret} />
                </span>
              ),
            },
          ]}
        />
        <Box variant="h3">{t('shell')}</Box>
        <Lines text={ec2rc(made)} />
        <Box variant="h3">{t('boto')}</Box>
        <Lines text={awsCredentials(made)} />
        <SpaceBetween direction="horizontal" size="xs">
          <Button iconName="download" onClick={() => download('ec2rc', ec2rc(made))}>
            ec2rc
          </Button>
          <Button iconName="download" onClick={() => download('credentials', awsCredentials(made))}>
            credentials
          </Button>
        </SpaceBetween>
        <Box color="text-body-secondary">{t('filesText')}</Box>
      </SpaceBetween>
    </Modal>
  );
}

const Lines = ({ text }: { text: string }) => (
  <Box variant="pre">
    {text
      .trim()
      .split('\n')
      .map((line) => (
        <div key={line}>{line}</div>
      ))}
  </Box>
);
