import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Consumer, useConsumers } from '~/api/delegation';
import { write } from '~/api/write';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { ListTable } from '~/ui/ListPage';
import { OnceDialog } from '~/ui/OnceDialog';
import { Crumbs } from '~/ui/Page';
import { useEditDelete } from '~/ui/useEditDelete';
import { AccessTokens } from './AccessTokens';

const base = '/OS-OAUTH1/consumers';

type Row = Consumer & { name: string };

/** Programs that may ask users for access by OAuth 1. */
export default function ConsumersPage() {
  const { t } = useTranslation('consumers');
  const column = useColumns<Row>();
  const query = useConsumers();
  const [made, setMade] = useState<Consumer>();
  const { actions, dialog } = useEditDelete<Row>({
    edit: (before, close) => <ConsumerForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteText'),
    }),
    remove: (c) => write(['consumer', 'access_token'], 'identity', 'DELETE', `${base}/${c.id}`),
  });
  const title = t('common:nav.items.consumers');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/consumers' }]} />
      <SpaceBetween size="l">
        <ListTable
          id="consumers"
          title={title}
          description={t('about')}
          query={{ ...query, data: query.data?.map((c): Row => ({ ...c, name: c.description || c.id })) }}
          columns={[{ ...column.name(undefined, 340), header: t('common:description') }, column.id(true)]}
          actions={actions}
          create={{ text: t('create'), form: (close) => <ConsumerForm onClose={close} onCreated={setMade} /> }}
          empty={{ title: t('empty') }}
          dialog={dialog ?? (made && <SecretDialog made={made} onClose={() => setMade(undefined)} />)}
        />
        <AccessTokens consumers={query.data ?? []} />
      </SpaceBetween>
    </>
  );
}

interface FormProps {
  before?: Consumer;
  onClose(): void;
  onCreated?(made: Consumer): void;
}

function ConsumerForm({ before, onClose, onCreated }: FormProps) {
  const { t } = useTranslation('consumers');
  const form = useForm({ mode: 'onChange', defaultValues: { description: before?.description ?? '' } });
  return (
    <FormModal
      title={t(before ? 'edit' : 'create')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ description }) => {
        const consumer = { description: description.trim() };
        if (before) {
          await write(['consumer'], 'identity', 'PATCH', `${base}/${before.id}`, { consumer });
          return;
        }
        const answer = await write<{ consumer: Consumer }>(['consumer'], 'identity', 'POST', base, { consumer });
        onCreated?.(answer.consumer);
      }}
    >
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        hint={t('descriptionHint')}
        autoFocus
      />
    </FormModal>
  );
}

/** The one time that a consumer's secret is seen. */
function SecretDialog({ made, onClose }: { made: Consumer; onClose(): void }) {
  const { t } = useTranslation('consumers');
  return (
    <OnceDialog title={t('madeTitle')} notice={t('onceText')} closeLabel={t('kept')} onClose={onClose}>
      <KeyValuePairs
        items={[
          { label: t('key'), value: <Copyable text={made.id} /> },
          { label: t('secret'), value: <Copyable text={made.secret ?? ''} /> },
        ]}
      />
    </OnceDialog>
  );
}
