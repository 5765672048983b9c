import Badge from '@cloudscape-design/components/badge';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/app/useSession';
import { Copyable } from '~/ui/Copyable';
import { formatAge, formatTime } from '~/ui/format';
import { Crumbs } from '~/ui/Page';
import { Appearance } from './Appearance';
import { LoginFiles } from './LoginFiles';
import { OwnPassword } from './OwnPassword';

export default function AccountPage() {
  const { t } = useTranslation('account');
  const { body, region } = useSession();
  const title = t('common:nav.items.account');
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/account' }]} />
      <SpaceBetween size="l">
        <Header variant="h1">{title}</Header>
        <Container header={<Header variant="h2">{t('who')}</Header>}>
          <KeyValuePairs
            columns={3}
            items={[
              { label: t('common:user'), value: body.user.name },
              { label: t('userDomain'), value: body.user.domain.name },
              { label: t('userId'), value: <Copyable text={body.user.id} /> },
              { label: t('common:project'), value: body.project?.name ?? '–' },
              { label: t('projectDomain'), value: body.project?.domain.name ?? '–' },
              { label: t('projectId'), value: body.project ? <Copyable text={body.project.id} /> : '–' },
              {
                label: t('roles'),
                value: (
                  <SpaceBetween direction="horizontal" size="xxs">
                    {(body.roles ?? []).map((role) => (
                      <Badge key={role.id}>{role.name}</Badge>
                    ))}
                  </SpaceBetween>
                ),
              },
              { label: t('common:region'), value: region || '–' },
              {
                label: t('sessionEnds'),
                value: `${formatTime(body.expires_at)} (${formatAge(body.expires_at)})`,
              },
            ]}
          />
        </Container>
        <ColumnLayout columns={2}>
          <OwnPassword />
          <SpaceBetween size="l">
            <LoginFiles />
            <Appearance />
          </SpaceBetween>
        </ColumnLayout>
      </SpaceBetween>
    </>
  );
}
