import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Form from '@cloudscape-design/components/form';
import Modal, { type ModalProps } from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { type ReactNode, useRef, useState } from 'react';
import type { FieldValues, UseFormReturn } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';

interface Props<T extends FieldValues> {
  title: string;
  submitLabel: string;
  form: UseFormReturn<T>;
  /** What to do with valid input. When it throws, the message is shown and the form stays as it is. */
  onSubmit(values: T): Promise<void>;
  onClose(): void;
  size?: ModalProps.Size;
  children: ReactNode;
}

/** A form in a dialog. It closes by itself after a submit that worked. Use `mode: 'onChange'` in useForm. */
export function FormModal<T extends FieldValues>({
  title,
  submitLabel,
  form,
  onSubmit,
  onClose,
  size,
  children,
}: Props<T>) {
  const { t } = useTranslation();
  const [failure, setFailure] = useState('');
  const busy = form.formState.isSubmitting;
  const running = useRef(false); // known before the next drawing: Enter comes twice within one
  const send = form.handleSubmit(async (values) => {
    setFailure('');
    try {
      await onSubmit(values);
    } catch (error) {
      setFailure(messageOf(error));
      return;
    }
    onClose();
  });
  const submit = async () => {
    if (running.current) return;
    running.current = true;
    try {
      await send();
    } finally {
      running.current = false;
    }
  };
  return (
    <Modal
      visible
      header={title}
      size={size ?? 'medium'}
      closeAriaLabel={t('close')}
      onDismiss={() => {
        if (!busy) onClose();
      }}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={busy} onClick={onClose}>
              {t('cancel')}
            </Button>
            <Button variant="primary" loading={busy} onClick={() => void submit()} data-testid="submit">
              {submitLabel}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Form>
          <SpaceBetween size="m">
            {failure && (
              <Alert type="error" header={t('failed')}>
                {failure}
              </Alert>
            )}
            {children}
          </SpaceBetween>
        </Form>
        <button type="submit" hidden aria-hidden tabIndex={-1} />
      </form>
    </Modal>
  );
}
