import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { Copyable } from '~/ui/Copyable';
import { download } from '~/ui/download';
import { credentialClouds, credentialOpenrc } from './files';
import { placeOf } from './place';

export interface Made {
  id: string;
  name: string;
  secret: string;
}

/** The one time that a secret is seen. Only its button closes the dialog, so that no stray click loses the secret. */
export function SecretDialog({ made, onClose }: { made: Made; onClose(): void }) {
  const { t } = useTranslation('credentials');
  const login = { ...placeOf(), id: made.id, secret: made.secret };
  return (
    <Modal
      visible
      size="large"
      header={t('madeTitle', { name: made.name })}
      closeAriaLabel={t('common:close')}
      onDismiss={({ detail }) => {
        if (detail.reason === 'closeButton') onClose();
      }}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={onClose} data-testid="kept">
            {t('kept')}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type="warning">{t('onceText')}</Alert>
        <KeyValuePairs
          items={[
            { label: t('common:id'), value: <Copyable text={made.id} /> },
            {
              label: t('secret'),
              value: (
                <span data-testid="secret">
                  <Copyable text={made.secret} />
                </span>
              ),
            },
          ]}
        />
        <SpaceBetween direction="horizontal" size="xs">
          <Button
            iconName="download"
            onClick={() => download('clouds.yaml', credentialClouds(login))}
            data-testid="clouds"
          >
            clouds.yaml
          </Button>
          <Button iconName="download" onClick={() => download('openrc', credentialOpenrc(login))} data-testid="openrc">
            openrc
          </Button>
        </SpaceBetween>
        <Box color="text-body-secondary">{t('filesText')}</Box>
      </SpaceBetween>
    </Modal>
  );
}
