import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import List from '@cloudscape-design/components/list';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import TextFilter from '@cloudscape-design/components/text-filter';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';

export interface Choice {
  id: string;
  name: string;
  note: string;
  /** What the button of the choice says. */
  action: string;
  run(): Promise<unknown>;
}

interface Props {
  title: string;
  choices: Choice[];
  pending: boolean;
  error: unknown;
  /** What to say when there is nothing to choose, and what to do then. */
  empty: ReactNode;
  children?: ReactNode;
  onClose(): void;
}

/** More choices than this get a filter. */
const filterFrom = 8;

/** A dialog in which one click chooses and does it. It stays open when that fails, and says why. */
export function Choices({ title, choices, pending, error, empty, children, onClose }: Props) {
  const { t } = useTranslation('floatingips');
  const [busy, setBusy] = useState('');
  const [failure, setFailure] = useState('');
  const [wanted, setWanted] = useState('');
  const choose = async (choice: Choice) => {
    setBusy(choice.id);
    setFailure('');
    try {
      await choice.run();
      onClose();
    } catch (cause) {
      setFailure(messageOf(cause));
    } finally {
      setBusy('');
    }
  };
  const shown = choices.filter((c) => `${c.name} ${c.note}`.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Modal
      visible
      header={title}
      closeAriaLabel={t('common:close')}
      onDismiss={() => {
        if (!busy) onClose();
      }}
      footer={
        <Box float="right">
          <Button variant="link" disabled={busy !== ''} onClick={onClose}>
            {t('common:cancel')}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {(failure !== '' || Boolean(error)) && (
          <Alert type="error" header={t(failure ? 'common:failed' : 'common:loadFailed')}>
            {failure || messageOf(error)}
          </Alert>
        )}
        {children}
        {pending ? (
          <Box textAlign="center">
            <Spinner /> {t('common:loading')}
          </Box>
        ) : (
          <SpaceBetween size="m">
            {choices.length > filterFrom && (
              <TextFilter
                filteringText={wanted}
                filteringPlaceholder={t('find')}
                filteringAriaLabel={t('find')}
                filteringClearAriaLabel={t('common:clearFilter')}
                onChange={({ detail }) => setWanted(detail.filteringText)}
              />
            )}
            {choices.length === 0 && empty}
            {choices.length > 0 && shown.length === 0 && <Box>{t('common:noMatch')}</Box>}
            <List
              ariaLabel={title}
              items={shown}
              renderItem={(choice) => ({
                id: choice.id,
                content: choice.name,
                secondaryContent: choice.note,
                actions: (
                  <Button
                    loading={busy === choice.id}
                    disabled={busy !== '' && busy !== choice.id}
                    ariaLabel={`${choice.action}: ${choice.name} ${choice.note}`}
                    onClick={() => void choose(choice)}
                    data-testid="choose"
                  >
                    {choice.action}
                  </Button>
                ),
              })}
            />
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Modal>
  );
}
