import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import { useTranslation } from 'react-i18next';

/** A text that people copy: an id, an address, a command. */
export function Copyable({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <CopyToClipboard
      variant="inline"
      textToCopy={text}
      copyButtonAriaLabel={t('copy')}
      copySuccessText={t('copied')}
      copyErrorText={t('copyFailed')}
    />
  );
}
