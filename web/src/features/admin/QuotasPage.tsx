import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useQuotaClass } from '~/api/compute';
import { useDefaultNetworkQuotas } from '~/api/network';
import { useSession } from '~/app/useSession';
import { amount, limitsOf, type Service } from '~/features/identity/quota';
import { formatNumber } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';
import { DefaultsForm } from './DefaultsForm';
import { useQuotaLabel } from './useQuotaLabel';

/** The limits of projects that have none of their own. The API can change those of compute; those of the network it can read. */
export default function QuotasPage() {
  const { t } = useTranslation('admin');
  const { projectId } = useSession();
  const compute = useQuotaClass();
  const [editing, setEditing] = useState(false);
  const title = t('common:nav.items.quotas');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/quotas' }]} />
      <SpaceBetween size="l">
        <Header variant="h1" description={t('quotas.about')}>
          {title}
        </Header>
        <Alert type="info">
          {t('quotas.readOnly')} <Go to="/projects">{t('common:nav.items.projects')}</Go>
        </Alert>
        <Loaded query={compute}>
          {(limits) => (
            <Limits
              service="compute"
              limits={limits}
              actions={
                <Button onClick={() => setEditing(true)} data-testid="edit-defaults">
                  {t('common:edit')}
                </Button>
              }
            />
          )}
        </Loaded>
        <Loaded query={useDefaultNetworkQuotas(projectId)}>
          {(limits) => <Limits service="network" limits={limits} />}
        </Loaded>
      </SpaceBetween>
      {editing && compute.data && <DefaultsForm limits={compute.data} onClose={() => setEditing(false)} />}
    </>
  );
}

interface LimitsProps {
  service: Service;
  limits: Record<string, number>;
  actions?: ReactNode;
}

function Limits({ service, limits, actions }: LimitsProps) {
  const { t } = useTranslation('identity');
  const label = useQuotaLabel();
  return (
    <Container
      header={
        <Header variant="h2" actions={actions}>
          {t(`quota.${service}`)}
        </Header>
      }
    >
      <KeyValuePairs
        columns={4}
        items={limitsOf(service, limits).map(({ resource, limit }) => ({
          label: label(resource),
          value: limit < 0 ? t('quota.unlimited') : amount(resource, limit, formatNumber),
        }))}
      />
    </Container>
  );
}
