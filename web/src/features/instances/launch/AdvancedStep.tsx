import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { CheckField, MultiField, SelectField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { PairsField } from '~/ui/PairsField';
import { metadataKey, metadataValue, tagsRule } from '../rules';
import type { StepProps } from './step';
import { UserDataField } from './UserDataField';

export function AdvancedStep({ form, values, data, set }: StepProps) {
  const { t } = useTranslation('instances');
  const servers = (data.servers.data ?? []).map((s) => ({ value: s.id, label: nameOf(s) }));
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">{t('launch.firstBoot')}</Header>}>
        <SpaceBetween size="m">
          <UserDataField value={values.userData} onChange={(value) => set('userData', value)} />
          <CheckField
            control={form.control}
            name="configDrive"
            label={t('launch.configDrive')}
            description={t('launch.configDriveText')}
          />
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{t('launch.labels')}</Header>}>
        <SpaceBetween size="m">
          <PairsField
            control={form.control}
            name="metadata"
            label={t('metadata.label')}
            empty={t('metadata.none')}
            addLabel={t('metadata.add')}
            keyRule={metadataKey}
            valueRule={metadataValue}
          />
          <TextField
            control={form.control}
            name="tags"
            label={t('tags.label')}
            hint={t('tags.hint')}
            rule={tagsRule}
            optional
          />
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">{t('launch.placement')}</Header>}>
        <SpaceBetween size="m">
          <SelectField
            control={form.control}
            name="serverGroup"
            label={t('launch.serverGroup')}
            description={t('launch.serverGroupText')}
            optional
            options={(data.serverGroups.data ?? []).map((g) => ({
              value: g.id,
              label: nameOf(g),
              description: t(`policy.${g.policy}`, { defaultValue: g.policy }),
            }))}
          />
          {servers.length > 0 && (
            <>
              <MultiField
                control={form.control}
                name="near"
                label={t('launch.near')}
                description={t('launch.nearText')}
                options={servers}
                optional
              />
              <MultiField
                control={form.control}
                name="apart"
                label={t('launch.apart')}
                description={t('launch.apartText')}
                options={servers}
                optional
              />
            </>
          )}
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}
