import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useTranslation } from 'react-i18next';
import type { Network, Port, Subnet } from '~/api/network';
import { nameOf, shortId } from '~/ui/format';
import { addressProblem, moved } from './networking';
import type { NIC } from './values';

interface Props {
  nics: NIC[];
  networks: Network[];
  subnets: Subnet[];
  ports: Port[];
  /** More than one server is asked for: they cannot all have the same address. */
  many: boolean;
  onChange(nics: NIC[]): void;
}

/** The interfaces of a server in their order: the first is eth0. */
export function NICTable({ nics, networks, subnets, ports, many, onChange }: Props) {
  const { t } = useTranslation('instances');
  const rows = nics.map((nic, index) => {
    const port = ports.find((p) => nic.kind === 'port' && p.id === nic.id);
    const network = networks.find((n) => n.id === (port?.network_id ?? nic.id));
    const networkName = network ? nameOf(network) : `(${shortId(nic.id)})`;
    return { nic, index, port, networkName, name: port ? nameOf(port) : networkName };
  });
  type Row = (typeof rows)[number];
  const change = (index: number, address: string) =>
    onChange(nics.map((nic, i) => (i === index ? { ...nic, address } : nic)));
  const subnetsOf = (row: Row) =>
    subnets
      .filter((s) => s.network_id === (row.port?.network_id ?? row.nic.id))
      .map((s) => `${s.name ? `${s.name}: ` : ''}${s.cidr}`)
      .join(', ');
  return (
    <Table
      variant="embedded"
      data-testid="nics"
      items={rows}
      empty={<Box color="inherit">{t('launch.noNics')}</Box>}
      ariaLabels={{ tableLabel: t('launch.networkingList'), selectionGroupLabel: t('launch.networkingList') }}
      columnDefinitions={[
        { id: 'place', header: t('launch.place'), cell: (r) => r.index + 1, width: 70 },
        {
          id: 'network',
          header: t('launch.network'),
          cell: (r) => (r.port ? t('launch.portOf', { port: nameOf(r.port), network: r.networkName }) : r.networkName),
          isRowHeader: true,
        },
        { id: 'subnets', header: t('launch.subnets'), cell: (r) => subnetsOf(r) || '–' },
        {
          id: 'address',
          header: t('launch.address'),
          cell: (r) =>
            r.port ? (
              r.port.fixed_ips.map((f) => f.ip_address).join(', ') || '–'
            ) : (
              <FormField errorText={addressProblem(r.nic, subnets)}>
                <Input
                  value={r.nic.address}
                  onChange={({ detail }) => change(r.index, detail.value)}
                  placeholder={t('launch.addressAny')}
                  ariaLabel={t('launch.addressOf', { name: r.name })}
                  disabled={many && !r.nic.address}
                  spellcheck={false}
                />
              </FormField>
            ),
        },
        {
          id: 'order',
          header: t('common:actions'),
          width: 150,
          cell: (r) => (
            <SpaceBetween direction="horizontal" size="xxs">
              <Button
                variant="icon"
                iconName="angle-up"
                ariaLabel={t('launch.up', { name: r.name })}
                disabled={r.index === 0}
                onClick={() => onChange(moved(nics, r.index, -1))}
              />
              <Button
                variant="icon"
                iconName="angle-down"
                ariaLabel={t('launch.down', { name: r.name })}
                disabled={r.index === nics.length - 1}
                onClick={() => onChange(moved(nics, r.index, 1))}
              />
              <Button
                variant="icon"
                iconName="remove"
                ariaLabel={t('common:removeItem', { name: r.name })}
                onClick={() => onChange(nics.filter((_, i) => i !== r.index))}
              />
            </SpaceBetween>
          ),
        },
      ]}
    />
  );
}
