import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/app/useSession';
import { type PasswordLogin, passwordClouds, passwordOpenrc } from '~/features/credentials/files';
import { placeOf } from '~/features/credentials/place';
import { download } from '~/ui/download';
import { Go } from '~/ui/Go';

/** Files for the openstack client, for the project that is open. */
export function LoginFiles() {
  const { t } = useTranslation('account');
  const { user, project } = useSession().body;
  const login = (): PasswordLogin => ({
    ...placeOf(),
    user: user.name,
    userDomain: user.domain.name,
    ...(project && { project: { id: project.id, name: project.name, domain: project.domain.name } }),
  });
  return (
    <Container
      header={
        <Header variant="h2" description={t('filesText')}>
          {t('files')}
        </Header>
      }
    >
      <SpaceBetween size="s">
        <SpaceBetween direction="horizontal" size="xs">
          <Button
            iconName="download"
            onClick={() => download('clouds.yaml', passwordClouds(login()))}
            data-testid="clouds"
          >
            clouds.yaml
          </Button>
          <Button iconName="download" onClick={() => download('openrc', passwordOpenrc(login()))} data-testid="openrc">
            openrc
          </Button>
        </SpaceBetween>
        <Box>
          {t('forPrograms')} <Go to="/credentials">{t('common:nav.items.credentials')}</Go>
        </Box>
      </SpaceBetween>
    </Container>
  );
}
