import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { session } from '~/api/session';

export interface Question {
  title: string;
  /** What will happen, what goes with it, and that it cannot be undone if so. */
  body: ReactNode;
  confirmLabel: string;
  danger?: boolean;
}

let asked: (Question & { answer(yes: boolean): void }) | null = null;
const listeners = new Set<() => void>();
const show = (next: typeof asked) => {
  asked = next;
  for (const listener of listeners) listener();
};

/** confirm asks before something is done, and tells whether to do it. */
export function confirm(question: Question): Promise<boolean> {
  asked?.answer(false);
  return new Promise((resolve) => {
    show({
      ...question,
      answer(yes) {
        show(null);
        resolve(yes);
      },
    });
  });
}

// What one user was asked, another must not answer.
session.onOwner(() => asked?.answer(false));

export function Confirmation() {
  const { t } = useTranslation();
  const question = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => asked,
  );
  if (!question) return null;
  return (
    <Modal
      visible
      header={question.title}
      closeAriaLabel={t('close')}
      onDismiss={() => question.answer(false)}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={() => question.answer(false)}>
              {t('cancel')}
            </Button>
            <Button variant="primary" onClick={() => question.answer(true)} data-testid="confirm">
              {question.confirmLabel}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      {question.danger ? <Alert type="warning">{question.body}</Alert> : question.body}
    </Modal>
  );
}
