import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

interface Props {
  title: string;
  notice: string;
  noticeType?: 'warning' | 'info';
  closeLabel: string;
  size?: 'medium' | 'large';
  onClose(): void;
  children: ReactNode;
}

/** What is seen this one time, such as a secret. Only its buttons close the dialog, so that no stray click loses it. */
export function OnceDialog({ title, notice, noticeType = 'warning', closeLabel, size, onClose, children }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      visible
      size={size}
      header={title}
      closeAriaLabel={t('close')}
      onDismiss={({ detail }) => {
        if (detail.reason === 'closeButton') onClose();
      }}
      footer={
        <Box float="right">
          <Button variant="primary" onClick={onClose} data-testid="kept">
            {closeLabel}
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type={noticeType}>{notice}</Alert>
        {children}
      </SpaceBetween>
    </Modal>
  );
}
