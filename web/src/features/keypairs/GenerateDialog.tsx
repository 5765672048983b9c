import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useRef, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Copyable } from '~/ui/Copyable';
import { download } from '~/ui/download';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { generateKey } from './mutations';
import { fileNameOf, generatedName } from './publicKey';

interface Props {
  onClose(): void;
  onMade?(name: string): void;
}

interface Made {
  name: string;
  privateKey: string;
}

const save = ({ name, privateKey }: Made) => download(fileNameOf(name), privateKey, 'application/x-pem-file');

/** Has the cloud make a key pair, and hands out the private key: once, to a file. It lives no longer than this dialog. */
export function GenerateDialog({ onClose, onMade }: Props) {
  const { t } = useTranslation('keypairs');
  const [made, setMade] = useState<Made>();
  // The form closes when it is done; the dialog goes on with the key.
  const done = useRef(false);
  const form = useForm({ mode: 'onChange', defaultValues: { name: '' } });
  if (made) return <Handover made={made} onClose={onClose} />;
  return (
    <FormModal
      title={t('generate')}
      submitLabel={t('generateSubmit')}
      form={form}
      onClose={() => {
        if (!done.current) onClose();
      }}
      onSubmit={async ({ name }) => {
        const result = { name: name.trim(), privateKey: await generateKey(name) };
        done.current = true;
        setMade(result);
        save(result);
        onMade?.(result.name);
      }}
    >
      <TextField control={form.control} name="name" label={t('common:name')} rule={generatedName} autoFocus />
      <Alert type="warning">{t('onceWarning')}</Alert>
    </FormModal>
  );
}

function Handover({ made, onClose }: { made: Made; onClose(): void }) {
  const { t } = useTranslation('keypairs');
  const file = fileNameOf(made.name);
  return (
    <Modal
      visible
      header={t('madeTitle', { name: made.name })}
      closeAriaLabel={t('common:close')}
      onDismiss={({ detail }) => {
        // A click beside the dialog must not throw the key away.
        if (detail.reason !== 'overlay') onClose();
      }}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button iconName="download" onClick={() => save(made)} data-testid="save-key">
              {t('saveAgain')}
            </Button>
            <Button variant="primary" onClick={onClose} data-testid="key-saved">
              {t('haveIt')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type="warning">{t('madeText', { file })}</Alert>
        <div>
          <Box variant="p">{t('madeUse')}</Box>
          <Copyable text={`chmod 600 ${file}`} />
          <br />
          <Copyable text={`ssh -i ${file} USER@ADDRESS`} />
        </div>
      </SpaceBetween>
    </Modal>
  );
}
