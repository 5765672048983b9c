import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type SecurityGroup, useSecurityGroups } from '~/api/network';
import { type AddressGroup, useAddressGroup } from '~/api/networkSharing';
import { member } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { SharingTab } from '~/features/sharing/SharingTab';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { formatTime, nameOf } from '~/ui/format';
import { ListTable } from '~/ui/ListPage';
import { ResourceTable } from '~/ui/ResourceTable';
import { YesNo } from '~/ui/Status';
import { linesOf } from '~/ui/subnetRules';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { addressList } from './addresses';
import { useAddressGroupActions } from './useAddressGroupActions';

export default function AddressGroupPage() {
  const { t } = useTranslation('addressgroups');
  const { id = '' } = useParams();
  return (
    <ThingPage list={{ text: t('title'), href: '/address-groups' }} query={useAddressGroup(id)}>
      {(group) => <Details group={group} />}
    </ThingPage>
  );
}

function Details({ group }: { group: AddressGroup }) {
  const { t } = useTranslation('addressgroups');
  const navigate = useNavigate();
  const { isAdmin, projectId } = useSession();
  const { actions, dialog } = useAddressGroupActions(() => navigate('/address-groups'));
  const own = isAdmin || group.project_id === projectId;
  return (
    <Thing
      thing={group}
      description={group.description}
      actions={own ? actions : undefined}
      dialog={dialog}
      facts={[
        { label: t('common:id'), value: <Copyable text={group.id} /> },
        { label: t('common:project'), value: <Copyable text={group.project_id} /> },
        { label: t('shared'), value: <YesNo value={group.shared} /> },
        { label: t('common:created'), value: formatTime(group.created_at) },
        { label: t('common:updated'), value: formatTime(group.updated_at) },
      ]}
      tabs={[
        { id: 'addresses', label: t('addresses'), content: <Addresses group={group} own={own} /> },
        { id: 'rules', label: t('usedBy'), content: <UsedBy group={group.id} /> },
        ...(own
          ? [{ id: 'sharing', label: t('sharing'), content: <SharingTab kind="address_group" thing={group} /> }]
          : []),
      ]}
    />
  );
}

/** The addresses of a group. A change holds at once for all rules that speak of the group. */
function Addresses({ group, own }: { group: AddressGroup; own: boolean }) {
  const { t } = useTranslation('addressgroups');
  const query = useAddressGroup(group.id);
  const { actions } = useEditDelete<{ id: string; name: string }>({
    removeLabel: t('common:remove'),
    question: (items) => ({
      title: t('removeTitle', { count: items.length, name: items[0]?.name }),
      body: t('removeText'),
    }),
    remove: ({ id }) => member('address_group', group.id, 'remove_addresses', { address_group: { addresses: [id] } }),
  });
  return (
    <ListTable
      id="group-addresses"
      title={t('addresses')}
      query={{ ...query, data: group.addresses.map((a) => ({ id: a, name: a })) }}
      columns={[{ id: 'name', header: t('address'), cell: (a) => a.name, value: (a) => a.name }]}
      actions={own ? actions : undefined}
      create={
        own
          ? {
              text: t('add'),
              testId: 'add-addresses',
              form: (close) => <AddForm group={group} onClose={close} />,
            }
          : undefined
      }
      empty={{ title: t('noAddresses'), text: t('noAddressesText') }}
    />
  );
}

function AddForm({ group, onClose }: { group: AddressGroup; onClose(): void }) {
  const { t } = useTranslation('addressgroups');
  const form = useForm({ mode: 'onChange', defaultValues: { addresses: '' } });
  return (
    <FormModal
      title={t('addTitle', { name: nameOf(group) })}
      submitLabel={t('add')}
      form={form}
      onSubmit={({ addresses }) =>
        member('address_group', group.id, 'add_addresses', { address_group: { addresses: linesOf(addresses) } })
      }
      onClose={onClose}
    >
      <TextField
        control={form.control}
        name="addresses"
        label={t('addresses')}
        description={t('addressesText')}
        rows={4}
        autoFocus
        rule={addressList}
      />
    </FormModal>
  );
}

/** The security groups with a rule that speaks of the group. */
function UsedBy({ group }: { group: string }) {
  const { t } = useTranslation('addressgroups');
  const { projectId } = useSession();
  const column = useColumns<SecurityGroup>();
  const groups = useSecurityGroups(projectId, true);
  const uses = (rules: { remote_address_group_id?: string | null }[]) =>
    rules.filter((r) => r.remote_address_group_id === group).length;
  const data = groups.data?.filter((g) => uses(g.security_group_rules) > 0);
  return (
    <ResourceTable
      id="address-group-uses"
      title={t('usedBy')}
      query={{ ...groups, data }}
      columns={[column.name('/security-groups'), column.text('rules', t('rules'), (g) => uses(g.security_group_rules))]}
      empty={{ title: t('unused'), text: t('unusedText') }}
    />
  );
}
