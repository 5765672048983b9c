import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import RadioGroup from '@cloudscape-design/components/radio-group';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { type Language, languages, setLanguage } from '~/app/i18n';
import { setTheme, type Theme, themeStore } from '~/app/theme';

/** Language and theme, which this browser remembers. */
export function Appearance() {
  const { t, i18n } = useTranslation('account');
  const theme = useSyncExternalStore(themeStore.subscribe, themeStore.get);
  return (
    <Container
      header={
        <Header variant="h2" description={t('appearanceText')}>
          {t('appearance')}
        </Header>
      }
    >
      <ColumnLayout columns={2}>
        <FormField label={t('common:language')}>
          <RadioGroup
            value={i18n.language}
            onChange={({ detail }) => void setLanguage(detail.value as Language)}
            items={Object.entries(languages).map(([value, label]) => ({ value, label }))}
          />
        </FormField>
        <FormField label={t('theme')}>
          <RadioGroup
            value={theme}
            onChange={({ detail }) => setTheme(detail.value as Theme)}
            items={[
              { value: 'light', label: t('common:light') },
              { value: 'dark', label: t('common:dark') },
            ]}
          />
        </FormField>
      </ColumnLayout>
    </Container>
  );
}
