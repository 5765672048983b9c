import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ApplicationCredential, useApplicationCredentials } from '~/api/identity';
import { useMyProjects, useSession } from '~/app/useSession';
import { Copyable } from '~/ui/Copyable';
import { formatTime, parseTime } from '~/ui/format';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { AccessRules } from './AccessRules';
import { writeRule } from './accessRules';
import { CredentialForm } from './CredentialForm';
import { deleteCredential } from './mutations';
import { type Made, SecretDialog } from './SecretDialog';

export default function CredentialsPage() {
  const { t } = useTranslation('credentials');
  const { body } = useSession();
  const query = useApplicationCredentials(body.user.id);
  const projects = useMyProjects();
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState<Made>();
  const title = t('common:nav.items.credentials');
  const projectName = (id: string) => projects.data?.find((p) => p.id === id)?.name ?? id;
  const roles = (c: ApplicationCredential) => c.roles.map((r) => r.name).join(', ');
  const rules = (c: ApplicationCredential) => (c.access_rules ?? []).map(writeRule).join(', ');
  const columns: Column<ApplicationCredential>[] = [
    { id: 'name', header: t('common:name'), cell: (c) => c.name, value: (c) => c.name },
    { id: 'id', header: t('common:id'), cell: (c) => <Copyable text={c.id} />, value: (c) => c.id },
    {
      id: 'project',
      header: t('common:project'),
      cell: (c) => projectName(c.project_id),
      value: (c) => projectName(c.project_id),
    },
    { id: 'roles', header: t('roles'), cell: roles, value: roles },
    {
      id: 'expires',
      header: t('expires'),
      cell: (c) => <Expires at={c.expires_at} />,
      value: (c) => c.expires_at ?? '',
    },
    {
      id: 'unrestricted',
      header: t('unrestricted'),
      cell: (c) => <YesNo value={c.unrestricted} />,
      value: (c) => c.unrestricted,
    },
    {
      id: 'rules',
      header: t('rules'),
      cell: (c) => rules(c) || t('rulesAll'),
      value: rules,
    },
    {
      id: 'description',
      header: t('common:description'),
      cell: (c) => c.description || '–',
      value: (c) => c.description,
    },
  ];
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
      {t('create')}
    </Button>
  );
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/credentials' }]} />
      <SpaceBetween size="l">
        <ResourceTable
          id="credentials"
          title={title}
          description={t('about')}
          query={query}
          columns={columns}
          buttons={create}
          actions={[
            {
              id: 'delete',
              text: t('common:delete'),
              danger: true,
              question: (items) => ({
                title: t('deleteTitle', { count: items.length, name: items[0]?.name }),
                body: t('deleteText'),
              }),
              run: (c) => deleteCredential(body.user.id, c.id),
            },
          ]}
          empty={{ title: t('empty'), text: t('emptyText') }}
        />
        <AccessRules />
      </SpaceBetween>
      {creating && <CredentialForm onClose={() => setCreating(false)} onCreated={setMade} />}
      {made && <SecretDialog made={made} onClose={() => setMade(undefined)} />}
    </>
  );
}

function Expires({ at }: { at: string | null }) {
  const { t } = useTranslation('credentials');
  if (!at) return <>{t('never')}</>;
  if (parseTime(at).getTime() > Date.now()) return <>{formatTime(at)}</>;
  return <StatusIndicator type="stopped">{t('expired', { when: formatTime(at) })}</StatusIndicator>;
}
