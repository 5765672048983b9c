import './overview.css';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/app/useSession';
import { Crumbs } from '~/ui/Page';
import { FirstSteps } from './FirstSteps';
import { Instances } from './Instances';
import { Quotas } from './Quotas';
import { Recent } from './Recent';

export default function OverviewPage() {
  const { t } = useTranslation('overview');
  const { body } = useSession();
  return (
    <SpaceBetween size="l">
      <Crumbs trail={[]} />
      <Header variant="h1" description={t('description', { project: body.project?.name ?? '' })}>
        {t('common:nav.items.overview')}
      </Header>
      <FirstSteps />
      <ColumnLayout columns={2}>
        <Instances />
        <Recent />
      </ColumnLayout>
      <Quotas />
    </SpaceBetween>
  );
}
