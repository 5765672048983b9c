import { useTranslation } from 'react-i18next';
import { type Domain, useDomains } from '~/api/identity';
import { useColumns } from '~/ui/columns';
import { ListPage } from '~/ui/ListPage';
import type { Column } from '~/ui/ResourceTable';
import { DomainForm } from './DomainForm';
import { useDomainActions } from './useDomainActions';

export default function DomainsPage() {
  const { t } = useTranslation('identity');
  const column = useColumns();
  const { actions, dialog } = useDomainActions();
  const title = t('common:nav.items.domains');
  const columns: Column<Domain>[] = [column.name('/domains'), column.id(true), column.enabled(), column.description()];
  return (
    <ListPage
      id="domains"
      path="/domains"
      title={title}
      query={useDomains()}
      columns={columns}
      actions={actions}
      create={{ text: t('domain.create'), form: (close) => <DomainForm onClose={close} /> }}
      empty={{ title: t('domain.empty') }}
      dialog={dialog}
    />
  );
}
