import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type SubnetPool, useSubnetPool } from '~/api/networkSharing';
import { member } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { ListTable } from '~/ui/ListPage';
import { linesOf } from '~/ui/subnetRules';
import { useEditDelete } from '~/ui/useEditDelete';
import { prefixList } from './poolForm';

/** The ranges of a pool, which grow and shrink while subnets are cut from it. */
export function PrefixesTab({ pool, own }: { pool: SubnetPool; own: boolean }) {
  const { t } = useTranslation('subnetpools');
  const query = useSubnetPool(pool.id);
  const { actions } = useEditDelete<{ id: string; name: string }>({
    removeLabel: t('common:remove'),
    question: (items) => ({
      title: t('removeTitle', { count: items.length, name: items[0]?.name }),
      body: t('removeText'),
    }),
    remove: ({ id }) => member('subnetpool', pool.id, 'remove_prefixes', { prefixes: [id] }),
  });
  return (
    <ListTable
      id="pool-prefixes"
      title={t('prefixes')}
      query={{ ...query, data: pool.prefixes.map((p) => ({ id: p, name: p })) }}
      columns={[{ id: 'name', header: t('range'), cell: (p) => p.name, value: (p) => p.name }]}
      actions={own ? actions : undefined}
      create={
        own
          ? {
              text: t('addPrefixes'),
              testId: 'add-prefixes',
              form: (close) => <PrefixForm pool={pool} onClose={close} />,
            }
          : undefined
      }
      empty={{ title: t('noPrefixes') }}
    />
  );
}

function PrefixForm({ pool, onClose }: { pool: SubnetPool; onClose(): void }) {
  const { t } = useTranslation('subnetpools');
  const form = useForm({ mode: 'onChange', defaultValues: { prefixes: '' } });
  return (
    <FormModal
      title={t('addPrefixesTitle', { name: nameOf(pool) })}
      submitLabel={t('addPrefixes')}
      form={form}
      onSubmit={({ prefixes }) => member('subnetpool', pool.id, 'add_prefixes', { prefixes: linesOf(prefixes) })}
      onClose={onClose}
    >
      <TextField
        control={form.control}
        name="prefixes"
        label={t('prefixes')}
        description={t('prefixesText')}
        rows={3}
        autoFocus
        rule={prefixList(pool.ip_version)}
      />
    </FormModal>
  );
}
