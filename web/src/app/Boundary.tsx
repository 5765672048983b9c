import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';

/** PageBoundary keeps a page that fails from taking the rest with it. */
export class PageBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  state = { error: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  render(): ReactNode {
    return this.state.error === undefined ? this.props.children : <Broken error={this.state.error} />;
  }
}

function Broken({ error }: { error: unknown }) {
  const { t } = useTranslation();
  return (
    <Alert
      type="error"
      header={t('somethingBroke')}
      action={<Button onClick={() => location.reload()}>{t('reload')}</Button>}
    >
      {t('somethingBrokeText')} {messageOf(error)}
    </Alert>
  );
}
