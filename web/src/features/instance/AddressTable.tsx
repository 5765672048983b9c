import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { type FloatingIP, useFloatingIPs, usePorts } from '~/api/network';
import { AssociateFloatingIP } from '~/features/floatingips/AssociateFloatingIP';
import { disassociate } from '~/features/floatingips/mutations';
import { perform } from '~/ui/actions';
import { Copyable } from '~/ui/Copyable';
import { Go } from '~/ui/Go';
import { addressRows } from './addresses';

/** The addresses of a server, with the floating IPs that stand for them. */
export function AddressTable({ server }: { server: Server }) {
  const { t } = useTranslation(['instance', 'instances', 'floatingips']);
  const [associating, setAssociating] = useState(false);
  const ports = usePorts({ device_id: server.id });
  const floating = useFloatingIPs(server.tenant_id, true);
  const rows = addressRows(server, ports.data ?? [], floating.data ?? []);
  const release = (f: FloatingIP) =>
    perform(
      {
        id: 'disassociate',
        text: t('floatingips:disassociate'),
        danger: true,
        question: (items) => ({
          title: t('floatingips:disassociateTitle', { count: items.length }),
          body: t('floatingips:disassociateText', { addresses: items.map((i) => i.name).join(', ') }),
        }),
        run: (item) => disassociate(item.id),
      },
      [{ ...f, name: f.floating_ip_address }],
    );
  return (
    <>
      <Table
        data-testid="addresses"
        items={rows}
        trackBy={(r) => `${r.network} ${r.address}`}
        loading={ports.isPending && rows.length === 0}
        loadingText={t('common:loading')}
        header={
          <Header
            variant="h2"
            counter={`(${rows.length})`}
            actions={
              <Button disabled={rows.length === 0} onClick={() => setAssociating(true)} data-testid="associate">
                {t('associate')}
              </Button>
            }
          >
            {t('instances:addresses')}
          </Header>
        }
        empty={<Box color="inherit">{t('noAddresses')}</Box>}
        ariaLabels={{ tableLabel: t('instances:addresses') }}
        columnDefinitions={[
          {
            id: 'address',
            header: t('address'),
            isRowHeader: true,
            cell: (r) => <Copyable text={r.address} />,
          },
          {
            id: 'floating',
            header: t('floatingIP'),
            cell: (r) =>
              r.floating.length === 0
                ? '–'
                : r.floating.map((f) => (
                    <SpaceBetween key={f.id} direction="horizontal" size="xs">
                      <Copyable text={f.floating_ip_address} />
                      <Button
                        variant="inline-link"
                        ariaLabel={`${t('floatingips:disassociate')}: ${f.floating_ip_address}`}
                        onClick={() => void release(f)}
                      >
                        {t('floatingips:disassociate')}
                      </Button>
                    </SpaceBetween>
                  )),
          },
          {
            id: 'network',
            header: t('network'),
            cell: (r) => {
              const port = ports.data?.find((p) => p.id === r.port);
              return port ? <Go to={`/networks/${port.network_id}`}>{r.network}</Go> : r.network;
            },
          },
          { id: 'mac', header: t('mac'), cell: (r) => r.mac || '–' },
          {
            id: 'port',
            header: t('port'),
            cell: (r) => (r.port ? <Go to={`/ports/${r.port}`}>{t('showPort')}</Go> : '–'),
          },
        ]}
      />
      {associating && <AssociateFloatingIP server={server} onClose={() => setAssociating(false)} />}
    </>
  );
}
