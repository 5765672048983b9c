import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FileInput from '@cloudscape-design/components/file-input';
import FormField from '@cloudscape-design/components/form-field';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Server, useGuestPassword } from '~/api/compute';
import { Copyable } from '~/ui/Copyable';
import { confirm } from '~/ui/confirm';
import { Loaded } from '~/ui/Loaded';
import { notify } from '~/ui/notify';
import { clearGuestPassword } from '../mutations';
import { decryptPassword, readPrivateKey } from './privateKey';

interface Props {
  server: Server;
  onClose(): void;
}

/** The password that a guest chose and encrypted with its key pair, as Windows guests do. The private key stays in this page. */
export function GuestPassword({ server, onClose }: Props) {
  const { t } = useTranslation('instances');
  const query = useGuestPassword(server.id);
  const clear = async () => {
    const yes = await confirm({
      title: t('guestPassword.clearTitle'),
      body: t('guestPassword.clearText'),
      confirmLabel: t('guestPassword.clear'),
    });
    if (!yes) return;
    await clearGuestPassword(server.id).catch((error) => notify.error(t('common:failed'), error));
  };
  return (
    <Modal
      visible
      size="large"
      header={t('guestPassword.title', { name: server.name })}
      closeAriaLabel={t('common:close')}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!query.data} onClick={() => void clear()}>
              {t('guestPassword.clear')}
            </Button>
            <Button variant="primary" onClick={onClose}>
              {t('common:close')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <Loaded query={query}>
        {(encrypted) =>
          encrypted === '' ? (
            <Box color="text-body-secondary">{t('guestPassword.none')}</Box>
          ) : (
            <Opened encrypted={encrypted} keyName={server.key_name ?? ''} />
          )
        }
      </Loaded>
    </Modal>
  );
}

function Opened({ encrypted, keyName }: { encrypted: string; keyName: string }) {
  const { t } = useTranslation('instances');
  const [pem, setPem] = useState('');
  const key = pem.trim() ? readPrivateKey(pem) : undefined;
  const password = key && typeof key !== 'string' ? decryptPassword(key, encrypted) : undefined;
  const problem = typeof key === 'string' ? key : key && password === undefined ? 'otherKey' : undefined;
  return (
    <SpaceBetween size="m">
      <div>{t('guestPassword.text')}</div>
      <FormField
        label={t('guestPassword.key')}
        description={keyName ? t('guestPassword.keyOf', { name: keyName }) : undefined}
        constraintText={t('guestPassword.stays')}
        errorText={problem && t(`guestPassword.problem.${problem}`)}
        stretch
      >
        <SpaceBetween size="xs">
          <Textarea
            value={pem}
            rows={6}
            spellcheck={false}
            autoComplete={false}
            placeholder="-----BEGIN RSA PRIVATE KEY-----"
            ariaLabel={t('guestPassword.key')}
            onChange={({ detail }) => setPem(detail.value)}
          />
          <FileInput
            value={[]}
            onChange={({ detail }) => void detail.value[0]?.text().then(setPem)}
            ariaLabel={t('guestPassword.readKey')}
          >
            {t('guestPassword.readKey')}
          </FileInput>
        </SpaceBetween>
      </FormField>
      {password !== undefined && (
        <Alert type="success" header={t('guestPassword.opened')}>
          <Copyable text={password} />
        </Alert>
      )}
      <FormField label={t('guestPassword.encrypted')} stretch>
        <Textarea value={encrypted} rows={4} readOnly ariaLabel={t('guestPassword.encrypted')} />
      </FormField>
    </SpaceBetween>
  );
}
