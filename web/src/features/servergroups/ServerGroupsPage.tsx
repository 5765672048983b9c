import Button from '@cloudscape-design/components/button';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { type ServerGroup, useLimits, useServerGroups, useServers } from '~/api/compute';
import { type Action, opens } from '~/ui/actions';
import { nameOf, shortId } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { GroupForm } from './GroupForm';
import { deleteGroup } from './mutations';

export default function ServerGroupsPage() {
  const { t } = useTranslation('servergroups');
  const navigate = useNavigate();
  const query = useServerGroups();
  const servers = useServers();
  const limits = useLimits().data;
  const [creating, setCreating] = useState(false);
  const title = t('common:nav.items.serverGroups');
  const columns = useMemo((): Column<ServerGroup>[] => {
    const names = new Map((servers.data ?? []).map((s) => [s.id, nameOf(s)]));
    const member = (id: string) => names.get(id) ?? `(${shortId(id)})`;
    const policy = (g: ServerGroup) => {
      const words = t(`policies.${g.policy}`, { defaultValue: g.policy });
      const most = g.rules.max_server_per_host;
      return most ? t('policyWithMost', { policy: words, count: most }) : words;
    };
    return [
      { id: 'name', header: t('common:name'), cell: nameOf, value: (g) => g.name, width: 220 },
      { id: 'policy', header: t('policy'), cell: policy, value: policy, width: 300 },
      {
        id: 'instances',
        header: t('members'),
        cell: (g) =>
          g.members.length === 0
            ? '–'
            : g.members.map((id, i) => (
                <span key={id}>
                  {i > 0 && ', '}
                  <Go to={`/instances/${id}`}>{member(id)}</Go>
                </span>
              )),
        value: (g) => g.members.map(member).join(', '),
      },
      { id: 'id', header: t('common:id'), cell: (g) => g.id, value: (g) => g.id, visible: false, width: 310 },
    ];
  }, [t, servers.data]);
  const actions: Action<ServerGroup>[] = [
    opens({
      id: 'launch',
      text: t('launch'),
      open: (g: ServerGroup) => navigate(`/instances/launch?server_group=${g.id}`),
    }),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (groups) => ({
        title: t('deleteTitle', { count: groups.length, name: groups[0]?.name }),
        body: t('deleteText'),
      }),
      run: (g) => deleteGroup(g.id),
    },
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/server-groups' }]} />
      <ResourceTable
        id="servergroups"
        title={title}
        description={
          limits && limits.maxServerGroups >= 0
            ? t('quota', { used: limits.totalServerGroupsUsed, limit: limits.maxServerGroups })
            : undefined
        }
        query={query}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setCreating(true)} data-testid="create">
            {t('create')}
          </Button>
        }
        empty={{ title: t('empty'), text: t('emptyText') }}
        partial={servers.error ? t('noNames') : undefined}
      />
      {creating && <GroupForm onClose={() => setCreating(false)} />}
    </>
  );
}
