import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type AccessToken, type Consumer, useAccessTokens } from '~/api/delegation';
import { write } from '~/api/write';
import { useSession } from '~/app/useSession';
import { useProjectWords } from '~/features/sharing/useProjectNames';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { MultiField, TextField } from '~/ui/fields';
import { formatTime } from '~/ui/format';
import { ListTable } from '~/ui/ListPage';
import { OnceDialog } from '~/ui/OnceDialog';
import { useEditDelete } from '~/ui/useEditDelete';

type Row = AccessToken & { name: string };

/** The access that the user has given to consumers, and the answer to a consumer that asks for it. */
export function AccessTokens({ consumers }: { consumers: Consumer[] }) {
  const { t } = useTranslation('consumers');
  const { body } = useSession();
  const column = useColumns<Row>();
  const project = useProjectWords();
  const query = useAccessTokens(body.user.id);
  const [verifier, setVerifier] = useState<string>();
  const named = (id: string) => consumers.find((c) => c.id === id)?.description || id;
  const { actions } = useEditDelete<Row>({
    removeLabel: t('revoke'),
    question: (items) => ({
      title: t('revokeTitle', { count: items.length, name: items[0]?.name }),
      body: t('revokeText'),
    }),
    remove: (a) =>
      write(['access_token'], 'identity', 'DELETE', `/users/${body.user.id}/OS-OAUTH1/access_tokens/${a.id}`),
  });
  return (
    <ListTable<Row>
      id="access-tokens"
      title={t('tokens')}
      description={t('tokensText')}
      query={{ ...query, data: query.data?.map((a) => ({ ...a, name: named(a.consumer_id) })) }}
      columns={[
        { ...column.name(undefined, 300), header: t('consumer') },
        column.text('project', t('common:project'), (a) => project(a.project_id)),
        column.text('expires', t('expires'), (a) => (a.expires_at ? formatTime(a.expires_at) : t('never'))),
        column.id(),
      ]}
      actions={actions}
      create={{
        text: t('authorize'),
        testId: 'authorize',
        secondary: true,
        form: (close) => <AuthorizeForm onClose={close} onAuthorized={setVerifier} />,
      }}
      empty={{ title: t('noTokens'), text: t('noTokensText') }}
      dialog={verifier && <VerifierDialog verifier={verifier} onClose={() => setVerifier(undefined)} />}
    />
  );
}

interface AuthorizeProps {
  onClose(): void;
  onAuthorized(verifier: string): void;
}

function AuthorizeForm({ onClose, onAuthorized }: AuthorizeProps) {
  const { t } = useTranslation('consumers');
  const { body } = useSession();
  const form = useForm({ mode: 'onChange', defaultValues: { request: '', roles: [] as string[] } });
  return (
    <FormModal
      title={t('authorizeTitle')}
      submitLabel={t('authorize')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ request, roles }) => {
        const path = `/OS-OAUTH1/authorize/${encodeURIComponent(request.trim())}`;
        const answer = await write<{ token: { oauth_verifier: string } }>(['access_token'], 'identity', 'PUT', path, {
          roles: roles.map((id) => ({ id })),
        });
        onAuthorized(answer.token.oauth_verifier);
      }}
    >
      <TextField control={form.control} name="request" label={t('request')} hint={t('requestHint')} autoFocus />
      <MultiField
        control={form.control}
        name="roles"
        label={t('roles')}
        description={t('rolesText')}
        options={(body.roles ?? []).map((r) => ({ value: r.id, label: r.name }))}
        min={1}
      />
    </FormModal>
  );
}

/** The verifier that the consumer needs to go on. */
function VerifierDialog({ verifier, onClose }: { verifier: string; onClose(): void }) {
  const { t } = useTranslation('consumers');
  return (
    <OnceDialog
      title={t('authorizedTitle')}
      notice={t('verifierText')}
      noticeType="info"
      closeLabel={t('common:close')}
      onClose={onClose}
    >
      <Copyable text={verifier} />
    </OnceDialog>
  );
}
