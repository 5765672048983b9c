import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { Copyable } from '~/ui/Copyable';
import { download } from '~/ui/download';
import { OnceDialog } from '~/ui/OnceDialog';
import { credentialClouds, credentialOpenrc } from './files';
import { placeOf } from './place';

export interface Made {
  id: string;
  name: string;
  secret: string;
}

/** The one time that a secret is seen. */
export function SecretDialog({ made, onClose }: { made: Made; onClose(): void }) {
  const { t } = useTranslation('credentials');
  const login = { ...placeOf(), id: made.id, secret: made.secret };
  return (
    <OnceDialog
      size="large"
      title={t('madeTitle', { name: made.name })}
      notice={t('onceText')}
      closeLabel={t('kept')}
      onClose={onClose}
    >
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
    </OnceDialog>
  );
}
