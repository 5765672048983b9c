import Container from '@cloudscape-design/components/container';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { SelectField, TextField } from '~/ui/fields';
import { descriptionRule, nameRule } from '../rules';
import { countRule } from './problems';
import type { StepProps } from './step';

export function DetailsStep({ form, values, data }: StepProps) {
  const { t } = useTranslation('instances');
  const count = Number(values.count);
  const name = values.name.trim();
  return (
    <Container>
      <SpaceBetween size="m">
        <TextField
          control={form.control}
          name="name"
          label={t('common:name')}
          rule={nameRule}
          hint={name && count > 1 ? t('launch.names', { first: `${name}-1`, last: `${name}-${count}` }) : undefined}
        />
        <TextField
          control={form.control}
          name="description"
          label={t('common:description')}
          rule={descriptionRule}
          optional
        />
        <TextField
          control={form.control}
          name="count"
          label={t('launch.count')}
          rule={countRule}
          type="number"
          inputMode="numeric"
        />
        <SelectField
          control={form.control}
          name="zone"
          label={t('zone')}
          description={t('launch.zoneText')}
          optional
          noneLabel={t('launch.anyZone')}
          status={data.zones.isPending ? 'loading' : 'finished'}
          options={(data.zones.data ?? []).map((z) => ({
            value: z.zoneName,
            description: z.zoneState.available ? undefined : t('launch.zoneDown'),
            disabled: !z.zoneState.available,
          }))}
        />
      </SpaceBetween>
    </Container>
  );
}
