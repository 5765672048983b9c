import Alert from '@cloudscape-design/components/alert';
import { I18nProvider, type I18nProviderProps } from '@cloudscape-design/components/i18n';
import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { createBrowserRouter, matchPath, RouterProvider } from 'react-router-dom';
import { useExtensions } from '~/api/network';
import { session } from '~/api/session';
import { Loaded } from '~/ui/Loaded';
import { type PageDef, pages } from './pages';
import { queries } from './queries';
import { useSession } from './useSession';

/** The words that the components bring for themselves. */
const componentWords: Record<string, () => Promise<{ default: I18nProviderProps.Messages }>> = {
  en: () => import('@cloudscape-design/components/i18n/messages/all.en'),
  'zh-CN': () => import('@cloudscape-design/components/i18n/messages/all.zh-CN'),
};

const Login = lazy(() => import('./Login'));
const Shell = lazy(() => import('./Shell').then((m) => ({ default: m.Shell })));

const element = (page: PageDef) => {
  const Page = lazy(page.load);
  const shown = page.extension ? <Announced extension={page.extension} page={<Page />} /> : <Page />;
  return page.admin ? <AdminOnly page={shown} /> : shown;
};

const bare = pages.filter((page) => page.bare);

const router = createBrowserRouter([
  ...bare.map((page) => ({ path: page.path, element: element(page) })),
  {
    element: <Shell />,
    children: [
      ...pages.filter((page) => !page.bare).map((page) => ({ path: page.path, element: element(page) })),
      { path: '*', element: <NotFound /> },
    ],
  },
]);

function AdminOnly({ page }: { page: React.ReactElement }) {
  return useSession().isAdmin ? page : <NotFound />;
}

/** A page that some clouds do not have. */
function Announced({ extension, page }: { extension: string; page: React.ReactElement }) {
  const query = useExtensions();
  return <Loaded query={query}>{(aliases) => (aliases.includes(extension) ? page : <NotFound />)}</Loaded>;
}

function NotFound() {
  const { t } = useTranslation();
  return (
    <Alert type="info" header={t('notFound')}>
      {t('notFoundText')}
    </Alert>
  );
}

/** Pages that stand alone bring their own right to see them, in their address: nobody has to log in for them. */
const isOpen = (): boolean => bare.some((page) => matchPath(page.path, location.pathname) !== null);

/** App is the log-in, or the dashboard for who is logged in. problem: why the session could not be looked up. */
export function App({ problem }: { problem?: unknown }) {
  const { i18n } = useTranslation();
  useSyncExternalStore(session.subscribe, session.snapshot);
  const [words, setWords] = useState<{ language: string; messages: I18nProviderProps.Messages }>();
  const { language } = i18n;
  useEffect(() => {
    void componentWords[language]?.().then((m) => setWords({ language, messages: m.default }));
  }, [language]);
  const signedIn = session.current !== null;
  const inside = (
    <QueryClientProvider client={queries}>
      <Suspense fallback={null}>
        {signedIn || isOpen() ? <RouterProvider router={router} /> : <Login problem={problem} />}
      </Suspense>
    </QueryClientProvider>
  );
  return (
    <I18nProvider locale={words?.language ?? language} messages={words ? [words.messages] : []}>
      {inside}
    </I18nProvider>
  );
}
