import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type KeyPair, useKeyPairs } from '~/api/compute';
import { type Action, opens } from '~/ui/actions';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { GenerateDialog } from './GenerateDialog';
import { ImportForm } from './ImportForm';
import { KeyPairDetail } from './KeyPairDetail';
import { deleteKey } from './mutations';

type Row = KeyPair & { id: string };
type Open = { dialog: 'generate' | 'import' } | { dialog: 'detail'; name: string };

export default function KeyPairsPage() {
  const { t } = useTranslation('keypairs');
  const query = useKeyPairs();
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const title = t('common:nav.items.keypairs');
  const columns = useMemo(
    (): Column<Row>[] => [
      {
        id: 'name',
        header: t('common:name'),
        cell: (k) => (
          <Link
            href="#"
            onFollow={(event) => {
              event.preventDefault();
              setOpen({ dialog: 'detail', name: k.name });
            }}
          >
            {k.name}
          </Link>
        ),
        value: (k) => k.name,
        width: 260,
      },
      { id: 'type', header: t('type'), cell: (k) => t(k.type), value: (k) => t(k.type), width: 180 },
      { id: 'fingerprint', header: t('fingerprint'), cell: (k) => k.fingerprint, value: (k) => k.fingerprint },
    ],
    [t],
  );
  const actions: Action<Row>[] = [
    opens({ id: 'detail', text: t('show'), open: (k: Row) => setOpen({ dialog: 'detail', name: k.name }) }),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (keys) => ({
        title: t('deleteTitle', { count: keys.length, name: keys[0]?.name }),
        body: t('deleteText', { count: keys.length }),
      }),
      run: (k) => deleteKey(k.name),
    },
  ];
  const buttons = (
    <SpaceBetween direction="horizontal" size="xs">
      <Button onClick={() => setOpen({ dialog: 'import' })} data-testid="import">
        {t('import')}
      </Button>
      <Button variant="primary" onClick={() => setOpen({ dialog: 'generate' })} data-testid="generate">
        {t('generate')}
      </Button>
    </SpaceBetween>
  );
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/keypairs' }]} />
      <ResourceTable
        id="keypairs"
        title={title}
        description={t('owner')}
        query={query}
        columns={columns}
        actions={actions}
        buttons={buttons}
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {open?.dialog === 'generate' && <GenerateDialog onClose={close} />}
      {open?.dialog === 'import' && <ImportForm onClose={close} />}
      {open?.dialog === 'detail' && <KeyPairDetail name={open.name} onClose={close} />}
    </>
  );
}
