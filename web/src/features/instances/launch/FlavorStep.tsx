import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useTranslation } from 'react-i18next';
import type { Flavor } from '~/api/compute';
import { formatGiB, formatMiB } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { ChoiceTable } from './ChoiceTable';
import { bySize, exceeds, misfitOf, quotaLines } from './fits';
import { QuotaBars } from './QuotaBars';
import type { StepProps } from './step';

export function FlavorStep({ values, data, problem, set }: StepProps) {
  const { t } = useTranslation('instances');
  const { isAdmin, images } = data.known;
  const image = images?.find((i) => i.id === values.image);
  const count = Number(values.count);
  const misfit = (flavor: Flavor) => misfitOf(flavor, image, isAdmin);
  const verdict = (flavor: Flavor) => {
    const wrong = misfit(flavor);
    if (wrong)
      return <StatusIndicator type="stopped">{t(`misfit.${wrong.word}`, { need: wrong.need })}</StatusIndicator>;
    const over = data.limits.data && quotaLines(data.limits.data, flavor, count).find(exceeds);
    if (over) {
      return (
        <StatusIndicator type="warning">
          {t('launch.problem.quota', { what: t(`quota.${over.resource}`) })}
        </StatusIndicator>
      );
    }
    return <StatusIndicator type="success">{t('launch.fits')}</StatusIndicator>;
  };
  return (
    <SpaceBetween size="l">
      <Container>
        <Loaded query={data.flavors}>
          {(flavors) => (
            <ChoiceTable
              id="flavor"
              label={t('flavor')}
              items={bySize(flavors)}
              chosen={values.flavor}
              onChoose={(id) => set('flavor', id)}
              disabled={(f) => misfit(f) !== undefined}
              error={problem('flavor')}
              empty={
                <>
                  {t('launch.noFlavors')} <Go to="/flavors">{t('common:nav.items.flavors')}</Go>
                </>
              }
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
                // Few flavors have more disks, and what stands last needs the room.
                ...(flavors.some((f) => f['OS-FLV-EXT-DATA:ephemeral'])
                  ? [
                      {
                        id: 'ephemeral',
                        header: t('ephemeral'),
                        cell: (f: Flavor) => formatGiB(f['OS-FLV-EXT-DATA:ephemeral']),
                      },
                    ]
                  : []),
                ...(flavors.some((f) => f.swap)
                  ? [{ id: 'swap', header: t('swap'), cell: (f: Flavor) => formatMiB(Number(f.swap)) }]
                  : []),
                { id: 'fits', header: t('launch.suitable'), cell: verdict, minWidth: 220 },
              ]}
            />
          )}
        </Loaded>
      </Container>
      <Container header={<Header variant="h2">{t('launch.quota')}</Header>}>
        <Loaded query={data.limits}>
          {(limits) => (
            <QuotaBars
              lines={quotaLines(
                limits,
                data.flavors.data?.find((f) => f.id === values.flavor),
                count,
              )}
            />
          )}
        </Loaded>
      </Container>
    </SpaceBetween>
  );
}
