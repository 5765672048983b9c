import Button from '@cloudscape-design/components/button';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useServers } from '~/api/compute';
import { Crumbs } from '~/ui/Page';
import { ResourceTable } from '~/ui/ResourceTable';
import { useInstanceActions } from './useInstanceActions';
import { useInstanceColumns } from './useInstanceColumns';

export default function InstancesPage() {
  const { t } = useTranslation('instances');
  const navigate = useNavigate();
  const query = useServers();
  const columns = useInstanceColumns(false);
  const { actions, dialog } = useInstanceActions();
  const launch = (variant: 'primary' | 'normal') => (
    <Button
      variant={variant}
      href="/instances/launch"
      data-testid="launch"
      onFollow={(event) => {
        event.preventDefault();
        navigate('/instances/launch');
      }}
    >
      {t('launchAction')}
    </Button>
  );
  const title = t('common:nav.items.instances');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/instances' }]} />
      <ResourceTable
        id="instances"
        title={title}
        query={query}
        columns={columns}
        actions={actions}
        buttons={launch('primary')}
        empty={{ title: t('empty'), text: t('emptyText'), action: launch('normal') }}
      />
      {dialog}
    </>
  );
}
