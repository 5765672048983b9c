import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';
import { formatGiB, formatMiB } from '~/ui/format';
import { notify } from '~/ui/notify';
import { createSize } from './mutations';
import { type Size, usualSizes } from './sizes';

/** Offers the sizes that clouds commonly have, to a cloud that has none. */
export function SuggestedSizes({ onClose }: { onClose(): void }) {
  const { t } = useTranslation('flavors');
  const [chosen, setChosen] = useState<Size[]>(usualSizes);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const submit = async () => {
    setBusy(true);
    setFailure('');
    let left = chosen;
    try {
      for (const size of chosen) {
        await createSize(size);
        left = left.filter((s) => s !== size);
      }
    } catch (error) {
      // Those that were made are there: another try is for the rest.
      setChosen(left);
      setFailure(messageOf(error));
      setBusy(false);
      return;
    }
    notify.success(t('suggested.done', { count: chosen.length }));
    onClose();
  };
  return (
    <Modal
      visible
      size="large"
      header={t('suggested.title')}
      closeAriaLabel={t('common:close')}
      onDismiss={() => {
        if (!busy) onClose();
      }}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" disabled={busy} onClick={onClose}>
              {t('common:cancel')}
            </Button>
            <Button
              variant="primary"
              loading={busy}
              disabled={chosen.length === 0}
              onClick={() => void submit()}
              data-testid="submit"
            >
              {t('suggested.submit', { count: chosen.length })}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {failure && (
          <Alert type="error" header={t('common:failed')}>
            {failure}
          </Alert>
        )}
        <p>{t('suggested.text')}</p>
        <Table
          variant="embedded"
          trackBy="name"
          selectionType="multi"
          items={usualSizes}
          selectedItems={chosen}
          onSelectionChange={({ detail }) => setChosen(usualSizes.filter((s) => detail.selectedItems.includes(s)))}
          ariaLabels={{
            tableLabel: t('suggested.title'),
            selectionGroupLabel: t('common:selection'),
            allItemsSelectionLabel: () => t('common:selectAll'),
            itemSelectionLabel: (_, size) => t('common:selectItem', { name: size.name }),
          }}
          columnDefinitions={[
            { id: 'name', header: t('common:name'), cell: (s) => s.name, isRowHeader: true },
            { id: 'vcpus', header: t('vcpus'), cell: (s) => s.vcpus },
            { id: 'ram', header: t('ram'), cell: (s) => formatMiB(s.ram) },
            { id: 'disk', header: t('disk'), cell: (s) => formatGiB(s.disk) },
          ]}
        />
      </SpaceBetween>
    </Modal>
  );
}
