import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useKeyPair } from '~/api/compute';
import { Copyable } from '~/ui/Copyable';
import { download } from '~/ui/download';
import { formatTime } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import './keypairs.css';

/** Everything that is known of a key pair: its public half. */
export function KeyPairDetail({ name, onClose }: { name: string; onClose(): void }) {
  const { t } = useTranslation('keypairs');
  const query = useKeyPair(name);
  return (
    <Modal
      visible
      size="large"
      header={name}
      closeAriaLabel={t('common:close')}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button
              iconName="download"
              disabled={!query.data}
              onClick={() => query.data && download(`${name}.pub`, `${query.data.public_key.trim()}\n`)}
            >
              {t('download')}
            </Button>
            <Button variant="primary" onClick={onClose}>
              {t('common:close')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <Loaded query={query}>
        {(key) => (
          <SpaceBetween size="m">
            <KeyValuePairs
              columns={2}
              items={[
                { label: t('type'), value: t(key.type) },
                { label: t('common:created'), value: formatTime(key.created_at) },
                { label: t('fingerprint'), value: <Copyable text={key.fingerprint} /> },
              ]}
            />
            <div>
              <Box variant="awsui-key-label">{t('publicKey')}</Box>
              <div className="public-key" data-testid="public-key">
                <Copyable text={key.public_key.trim()} />
              </div>
            </div>
          </SpaceBetween>
        )}
      </Loaded>
    </Modal>
  );
}
