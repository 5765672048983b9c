import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useDefaultComputeQuotas } from '~/api/compute';
import { useDefaultNetworkQuotas } from '~/api/network';
import { useSession } from '~/app/useSession';
import { amount, limitsOf, type Service } from '~/features/identity/quota';
import { formatNumber } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { Crumbs } from '~/ui/Page';

/** The limits of projects that have none of their own. The API can read them, not change them. */
export default function QuotasPage() {
  const { t } = useTranslation('admin');
  const { projectId } = useSession();
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
        <Loaded query={useDefaultComputeQuotas(projectId)}>
          {(limits) => <Limits service="compute" limits={limits} />}
        </Loaded>
        <Loaded query={useDefaultNetworkQuotas(projectId)}>
          {(limits) => <Limits service="network" limits={limits} />}
        </Loaded>
      </SpaceBetween>
    </>
  );
}

function Limits({ service, limits }: { service: Service; limits: Record<string, number> }) {
  const { t, i18n } = useTranslation('identity');
  const label = (resource: string) => {
    const key = `quota.of.${resource}`;
    const words = i18n.exists(`identity:${key}`) ? t(key) : resource;
    const each = `quota.each.${resource}`;
    return i18n.exists(`identity:${each}`) ? `${words} (${t(each)})` : words;
  };
  return (
    <Container header={<Header variant="h2">{t(`quota.${service}`)}</Header>}>
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
