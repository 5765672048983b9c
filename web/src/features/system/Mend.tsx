import { useTranslation } from 'react-i18next';
import { Copyable } from '~/ui/Copyable';
import { isCommand } from './problems';

/** What mends a problem: a command to copy, or a sentence where no command can. */
export function Mend({ mend }: { mend: string | undefined }) {
  const { t } = useTranslation('system');
  if (!mend) return null;
  return isCommand(mend) ? (
    <span>
      {t('mendWith')} <Copyable text={mend} />
    </span>
  ) : (
    <span>{t('mendBy', { mend })}</span>
  );
}
