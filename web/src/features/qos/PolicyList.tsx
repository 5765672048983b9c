import { useTranslation } from 'react-i18next';
import { type QoSPolicy, useQoSPolicies } from '~/api/qos';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { ListPage } from '~/ui/ListPage';
import { PolicyForm } from './PolicyForm';
import { usePolicyActions } from './usePolicyActions';

export default function PolicyList() {
  const { t } = useTranslation('qos');
  const { isAdmin } = useSession();
  const column = useColumns<QoSPolicy>();
  const { actions, dialog } = usePolicyActions();
  return (
    <ListPage
      id="qos"
      path="/qos"
      title={t('common:nav.items.qos')}
      description={t('about')}
      query={useQoSPolicies()}
      columns={[
        column.name('/qos'),
        column.text('rules', t('rules'), (p) => p.rules.length),
        column.flag('shared', t('shared'), (p) => p.shared),
        column.flag('default', t('default'), (p) => p.is_default),
        column.description(),
        column.tags(),
        column.created(),
        column.id(),
      ]}
      actions={isAdmin ? actions : undefined}
      // The API leaves policies to administrators.
      create={isAdmin ? { text: t('create'), form: (close) => <PolicyForm onClose={close} /> } : undefined}
      empty={{ title: t('empty'), text: t('emptyText') }}
      dialog={dialog}
    />
  );
}
