import Alert from '@cloudscape-design/components/alert';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Flavor, type Server, useFlavors, useLimits } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { formatGiB, formatMiB, formatNumber } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { ChoiceTable } from '../launch/ChoiceTable';
import { bySize } from '../launch/fits';
import { resizeServer } from '../mutations';
import { beyondQuota, type Line, linesOf, unfitOf } from './resize';

/** Gives a server another flavor; whether it is kept is asked afterwards. */
export function ResizeForm({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('instances');
  const { projectId } = useSession();
  const flavors = useFlavors();
  const limits = useLimits().data;
  const form = useForm({ mode: 'onChange', defaultValues: { flavor: '' } });
  const chosen = form.watch('flavor');
  const flavor = flavors.data?.find((f) => f.id === chosen);
  const verdict = (f: Flavor) => {
    const wrong = unfitOf(server, f);
    if (wrong) return <StatusIndicator type="stopped">{t(`resize.unfit.${wrong}`)}</StatusIndicator>;
    // The limits that are known are those of the project of the session.
    const over = limits && server.tenant_id === projectId ? beyondQuota(server, f, limits) : [];
    if (over.length > 0) {
      return (
        <StatusIndicator type="warning">
          {t('launch.problem.quota', { what: over.map((what) => t(`quota.${what}`)).join(', ') })}
        </StatusIndicator>
      );
    }
    return <StatusIndicator type="success">{t('launch.fits')}</StatusIndicator>;
  };
  return (
    <FormModal
      title={t('resize.title', { name: server.name })}
      submitLabel={t('resize.action')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async (values) => {
        if (!values.flavor) throw new Error(t('launch.problem.flavor'));
        await resizeServer(server.id, values.flavor);
      }}
    >
      <Alert type="info">{t(server.status === 'SHUTOFF' ? 'resize.textOff' : 'resize.text')}</Alert>
      <Loaded query={flavors}>
        {(list) => (
          <ChoiceTable
            id="flavor"
            label={t('flavor')}
            items={bySize(list)}
            chosen={chosen}
            onChoose={(id) => form.setValue('flavor', id)}
            disabled={(f) => unfitOf(server, f) !== undefined}
            empty={t('launch.noFlavors')}
            columns={[
              { id: 'name', header: t('common:name'), cell: (f) => f.name, isRowHeader: true },
              { id: 'vcpus', header: t('vcpus'), cell: (f) => f.vcpus, sortingField: 'vcpus' },
              { id: 'ram', header: t('ram'), cell: (f) => formatMiB(f.ram), sortingField: 'ram' },
              {
                id: 'disk',
                header: t('rootDisk'),
                cell: (f) => (f.disk ? formatGiB(f.disk) : t('launch.diskOfImage')),
                sortingField: 'disk',
              },
              { id: 'fits', header: t('launch.suitable'), cell: verdict },
            ]}
          />
        )}
      </Loaded>
      {flavor && <Comparison server={server} flavor={flavor} />}
    </FormModal>
  );
}

const amount = (line: Line, value: number): string => {
  if (line.what === 'vcpus') return formatNumber(value);
  return line.what === 'ram' || line.what === 'swap' ? formatMiB(value) : formatGiB(value);
};

function Comparison({ server, flavor }: { server: Server; flavor: Flavor }) {
  const { t } = useTranslation('instances');
  return (
    <Table
      data-testid="comparison"
      variant="embedded"
      items={linesOf(server, flavor)}
      trackBy="what"
      ariaLabels={{ tableLabel: t('resize.comparison') }}
      columnDefinitions={[
        { id: 'what', header: t('resize.comparison'), cell: (l) => t(l.what), isRowHeader: true },
        {
          id: 'before',
          header: t('resize.before', { name: server.flavor.original_name }),
          cell: (l) => amount(l, l.before),
        },
        { id: 'after', header: t('resize.after', { name: flavor.name }), cell: (l) => amount(l, l.after) },
        {
          id: 'change',
          header: t('resize.change'),
          cell: (l) =>
            l.after === l.before
              ? t('resize.none')
              : `${l.after > l.before ? '+' : '−'}${amount(l, Math.abs(l.after - l.before))}`,
        },
      ]}
    />
  );
}
