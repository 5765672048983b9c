import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type NetworkAgent, useAgents, useAgentsOf } from '~/api/network';
import { schedule, unschedule } from '~/api/networkWrite';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { SelectField } from '~/ui/fields';
import { ListTable } from '~/ui/ListPage';
import { Status } from '~/ui/Status';
import { useEditDelete } from '~/ui/useEditDelete';

export type Scheduled = 'dhcp' | 'l3';

const types: Record<Scheduled, string> = { dhcp: 'DHCP agent', l3: 'L3 agent' };

/** Which hosts answer DHCP on a network, or carry a router: for administrators, who may move the work. */
export function AgentsTab({ kind, id }: { kind: Scheduled; id: string }) {
  const { t } = useTranslation('networks');
  const column = useColumns<NetworkAgent & { name: string }>();
  const query = useAgentsOf(kind, id);
  const rows = query.data?.map((a) => ({ ...a, name: a.host }));
  const { actions } = useEditDelete<NetworkAgent & { name: string }>({
    removeLabel: t('agents.remove'),
    question: (items) => ({
      title: t('agents.removeTitle', { count: items.length, name: items[0]?.host }),
      body: t(`agents.removeText.${kind}`),
    }),
    remove: (a) => unschedule(kind, a.id, id),
  });
  return (
    <ListTable
      id="scheduled-agents"
      title={t(`agents.title.${kind}`)}
      description={t(`agents.about.${kind}`)}
      query={{ ...query, data: rows }}
      columns={[
        { ...column.name(), header: t('port.host') },
        {
          id: 'alive',
          header: t('common:statusLabel'),
          cell: (a) => <Status value={a.alive ? 'UP' : 'DOWN'} />,
          value: (a) => t(a.alive ? 'common:status.UP' : 'common:status.DOWN'),
        },
        {
          id: 'adminUp',
          header: t('adminState'),
          cell: (a) => <Status value={a.admin_state_up ? 'ENABLED' : 'DISABLED'} />,
          value: (a) => t(a.admin_state_up ? 'common:status.ENABLED' : 'common:status.DISABLED'),
        },
        column.text('zone', t('agents.zone'), (a) => a.availability_zone),
        column.id(),
      ]}
      actions={actions}
      create={{
        text: t('agents.add'),
        testId: 'add-agent',
        secondary: true,
        form: (close) => <AgentForm kind={kind} id={id} has={rows?.map((a) => a.id) ?? []} onClose={close} />,
      }}
      empty={{ title: t('agents.none') }}
    />
  );
}

function AgentForm({ kind, id, has, onClose }: { kind: Scheduled; id: string; has: string[]; onClose(): void }) {
  const { t } = useTranslation('networks');
  const form = useForm({ mode: 'onChange', defaultValues: { agent: '' } });
  const options = (useAgents().data ?? [])
    .filter((a) => a.agent_type === types[kind] && !has.includes(a.id))
    .map((a) => ({
      value: a.id,
      label: a.host,
      description: t(a.alive ? 'common:status.UP' : 'common:status.DOWN'),
    }));
  return (
    <FormModal
      title={t('agents.add')}
      submitLabel={t('agents.add')}
      form={form}
      onSubmit={({ agent }) => schedule(kind, agent, id)}
      onClose={onClose}
    >
      <SelectField
        control={form.control}
        name="agent"
        label={t('port.host')}
        description={t(`agents.addText.${kind}`)}
        options={options}
      />
    </FormModal>
  );
}
