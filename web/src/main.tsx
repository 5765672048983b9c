import '@cloudscape-design/global-styles/index.css';
import './main.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { restore } from '~/api/session';
import { App } from '~/app/App';
import { startI18n } from '~/app/i18n';
import { startTheme } from '~/app/theme';

startTheme();
const [found] = await Promise.allSettled([restore(), startI18n()]);
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App problem={found.status === 'rejected' ? found.reason : undefined} />
  </StrictMode>,
);
