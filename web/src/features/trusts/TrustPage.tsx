import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { type Trust, useTrust } from '~/api/delegation';
import { useSession } from '~/app/useSession';
import { Copyable } from '~/ui/Copyable';
import { YesNo } from '~/ui/Status';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useTrustActions } from './useTrustActions';
import { useTrustWords } from './useTrustWords';

export default function TrustPage() {
  const { t } = useTranslation('trusts');
  const { id = '' } = useParams();
  const words = useTrustWords();
  const query = useTrust(id);
  const data = query.data && {
    ...query.data,
    name: t('named', {
      trustor: words.user(query.data.trustor_user_id),
      trustee: words.user(query.data.trustee_user_id),
    }),
  };
  return (
    <ThingPage list={{ text: t('common:nav.items.trusts'), href: '/trusts' }} query={{ ...query, data }}>
      {(trust) => <Details trust={trust} />}
    </ThingPage>
  );
}

function Details({ trust }: { trust: Trust & { name: string } }) {
  const { t } = useTranslation('trusts');
  const { body } = useSession();
  const navigate = useNavigate();
  const words = useTrustWords();
  const actions = useTrustActions(() => navigate('/trusts'));
  return (
    <SpaceBetween size="l">
      <Thing
        thing={trust}
        actions={trust.trustor_user_id === body.user.id ? actions : undefined}
        facts={[
          { label: t('common:id'), value: <Copyable text={trust.id} /> },
          { label: t('trustor'), value: words.user(trust.trustor_user_id) },
          { label: t('trustee'), value: words.user(trust.trustee_user_id) },
          { label: t('common:project'), value: words.project(trust) },
          { label: t('roles'), value: (trust.roles ?? []).map((r) => r.name).join(', ') || '–' },
          { label: t('ends'), value: words.ends(trust) },
          { label: t('usesLeft'), value: words.uses(trust) },
          { label: t('inName'), value: <YesNo value={trust.impersonation} /> },
          { label: t('passed'), value: trust.redelegation_count || t('common:no') },
        ]}
      />
      {trust.trustee_user_id === body.user.id && (
        <Container
          header={
            <Header variant="h2" description={t('useText')}>
              {t('use')}
            </Header>
          }
        >
          <Box variant="code">
            <Copyable
              text={`unset OS_PROJECT_ID OS_PROJECT_NAME OS_PROJECT_DOMAIN_NAME; export OS_TRUST_ID=${trust.id}`}
            />
          </Box>
        </Container>
      )}
    </SpaceBetween>
  );
}
