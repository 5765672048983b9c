import Container from '@cloudscape-design/components/container';
import { useTranslation } from 'react-i18next';
import { formatBytes, formatGiB, formatMiB, nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { ChoiceTable } from './ChoiceTable';
import type { StepProps } from './step';

export function SourceStep({ values, data, problem, set }: StepProps) {
  const { t } = useTranslation('instances');
  return (
    <Container>
      <Loaded query={data.images}>
        {(images) => (
          <ChoiceTable
            id="image"
            label={t('image')}
            items={images}
            chosen={values.image}
            onChoose={(id) => set('image', id)}
            error={problem('image')}
            empty={
              <>
                {t('launch.noImages')} <Go to="/images">{t('common:nav.items.images')}</Go>
              </>
            }
            columns={[
              { id: 'name', header: t('common:name'), cell: (i) => nameOf(i), sortingField: 'name', isRowHeader: true },
              { id: 'format', header: t('launch.format'), cell: (i) => i.disk_format?.toUpperCase() ?? '–' },
              { id: 'size', header: t('launch.imageSize'), cell: (i) => formatBytes(i.size), sortingField: 'size' },
              { id: 'virtual', header: t('launch.virtualSize'), cell: (i) => formatBytes(i.virtual_size) },
              {
                id: 'minDisk',
                header: t('launch.minDisk'),
                cell: (i) => (i.min_disk ? formatGiB(i.min_disk) : '–'),
              },
              { id: 'minRam', header: t('launch.minRam'), cell: (i) => (i.min_ram ? formatMiB(i.min_ram) : '–') },
              {
                id: 'visibility',
                header: t('launch.visibility'),
                cell: (i) => t(`visibility.${i.visibility}`),
              },
            ]}
          />
        )}
      </Loaded>
    </Container>
  );
}
