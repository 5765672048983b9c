import AppLayout from '@cloudscape-design/components/app-layout';
import Flashbar from '@cloudscape-design/components/flashbar';
import SideNavigation, { type SideNavigationProps } from '@cloudscape-design/components/side-navigation';
import Spinner from '@cloudscape-design/components/spinner';
import TopNavigation from '@cloudscape-design/components/top-navigation';
import { Suspense, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { Outlet, useLocation, useNavigate } from 'react-router-dom';
import { reach } from '~/api/client';
import { useExtensions } from '~/api/network';
import { regionsOf, session, switchProject } from '~/api/session';
import { useEvents } from '~/events/useEvents';
import { isBusy, uploads } from '~/features/images/upload/uploads';
import { Confirmation, confirm } from '~/ui/confirm';
import { Notifications, notify } from '~/ui/notify';
import { CrumbsPlace } from '~/ui/Page';
import { PageBoundary } from './Boundary';
import { type Language, languages, setLanguage } from './i18n';
import { pages, type Section } from './pages';
import { Renewal } from './Renewal';
import { setTheme, themeStore } from './theme';
import { useMyProjects, useSession } from './useSession';

const sections: Section[] = ['overview', 'compute', 'network', 'identity', 'admin'];

/** What surrounds every page: header, navigation, messages, and the question for the password when the session ends. */
export function Shell() {
  const { t } = useTranslation();
  const now = useSession();
  useEvents(now.token);
  const reachable = useSyncExternalStore(reach.subscribe, reach.get);
  const [open, setOpen] = useState(window.innerWidth > 900);
  const [place, setPlace] = useState<HTMLElement | null>(null);
  const { pathname } = useLocation();
  return (
    <>
      <Header />
      <AppLayout
        headerSelector="#header"
        toolsHide
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        navigation={<Navigation />}
        notifications={
          <>
            {!reachable && (
              <Flashbar
                items={[
                  { id: 'unreachable', type: 'warning', header: t('unreachable'), content: t('unreachableText') },
                ]}
              />
            )}
            <Notifications />
          </>
        }
        stickyNotifications
        breadcrumbs={<div ref={setPlace} />}
        contentType="default"
        content={
          <PageBoundary key={`${pathname} ${now.projectId} ${now.region}`}>
            <Suspense fallback={<Spinner size="large" />}>
              <CrumbsPlace value={place}>
                <Outlet />
              </CrumbsPlace>
            </Suspense>
          </PageBoundary>
        }
        ariaLabels={{
          navigation: t('menu'),
          navigationToggle: t('openMenu'),
          navigationClose: t('closeMenu'),
          notifications: t('notifications'),
        }}
      />
      <Confirmation />
      <Renewal />
    </>
  );
}

function Navigation() {
  const { t } = useTranslation();
  const { isAdmin } = useSession();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const extensions = useExtensions().data ?? [];
  const seen = pages.filter(
    (p) => p.nav && (isAdmin || !p.admin) && (!p.extension || extensions.includes(p.extension)),
  );
  const items = sections.flatMap((section): SideNavigationProps.Item[] => {
    const links = seen
      .filter((p) => p.section === section)
      .map((p): SideNavigationProps.Item => ({ type: 'link', text: t(`nav.items.${p.nav}`), href: p.path }));
    if (links.length === 0) return [];
    if (section === 'overview') return links;
    return [{ type: 'section', text: t(`nav.${section}`), items: links }];
  });
  const active = seen
    .filter((p) => pathname === p.path || pathname.startsWith(`${p.path}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
  return (
    <SideNavigation
      items={items}
      activeHref={active?.path ?? '/'}
      onFollow={(event) => {
        if (event.detail.external) return;
        event.preventDefault();
        navigate(event.detail.href);
      }}
    />
  );
}

function Header() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const { body, region } = useSession();
  const theme = useSyncExternalStore(themeStore.subscribe, themeStore.get);
  const projects = useMyProjects();
  const regions = regionsOf(body);
  /** Uploads rest when their owner goes, so that is asked first. */
  const mayLeave = async (text: string, confirmLabel: string): Promise<boolean> =>
    !uploads.snapshot().some(isBusy) || confirm({ title: t('leave.title'), body: text, confirmLabel });
  const toProject = async (id: string) => {
    if (id === body.project?.id) return;
    if (!(await mayLeave(t('leave.projectText'), t('leave.project')))) return;
    try {
      await switchProject(id);
      navigate('/');
    } catch (error) {
      notify.error(t('failed'), error);
    }
  };
  const toRegion = async (id: string) => {
    if (id === region) return;
    if (await mayLeave(t('leave.regionText'), t('leave.region'))) session.setRegion(id);
  };
  const logout = async () => {
    if (await mayLeave(t('leave.logoutText'), t('logout'))) await session.logout();
  };
  return (
    <div id="header">
      <TopNavigation
        identity={{
          href: '/',
          title: 'wisp',
          logo: { src: '/icon.svg', alt: '' },
          onFollow: (event) => {
            event.preventDefault();
            navigate('/');
          },
        }}
        utilities={[
          {
            type: 'menu-dropdown',
            text: body.project?.name ?? '',
            iconName: 'folder',
            ariaLabel: `${t('project')} ${body.project?.name ?? ''}`,
            title: t('project'),
            items: (projects.data ?? []).map((p) => ({
              id: p.id,
              text: p.name,
              itemType: 'checkbox' as const,
              checked: p.id === body.project?.id,
            })),
            onItemClick: ({ detail }) => void toProject(detail.id),
          },
          ...(regions.length > 1
            ? [
                {
                  type: 'menu-dropdown' as const,
                  text: region,
                  iconName: 'globe' as const,
                  ariaLabel: `${t('region')} ${region}`,
                  title: t('region'),
                  items: regions.map((r) => ({ id: r, text: r })),
                  onItemClick: ({ detail }: { detail: { id: string } }) => void toRegion(detail.id),
                },
              ]
            : []),
          {
            type: 'menu-dropdown',
            iconName: 'settings',
            ariaLabel: t('settings'),
            title: t('settings'),
            items: [
              {
                id: 'languages',
                text: t('language'),
                items: Object.entries(languages).map(([id, text]) => ({
                  id,
                  text,
                  itemType: 'checkbox' as const,
                  checked: i18n.language === id,
                })),
              },
              { id: 'theme', text: theme === 'dark' ? t('light') : t('dark') },
            ],
            onItemClick: ({ detail }) => {
              if (detail.id === 'theme') setTheme(theme === 'dark' ? 'light' : 'dark');
              else void setLanguage(detail.id as Language);
            },
          },
          {
            type: 'menu-dropdown',
            text: body.user.name,
            description: body.user.domain.name,
            iconName: 'user-profile',
            ariaLabel: `${t('user')} ${body.user.name}`,
            items: [
              { id: 'account', text: t('nav.items.account') },
              { id: 'logout', text: t('logout') },
            ],
            onItemClick: ({ detail }) => {
              if (detail.id === 'account') navigate('/account');
              else void logout();
            },
          },
        ]}
        i18nStrings={{ overflowMenuTriggerText: t('menu'), overflowMenuTitleText: t('menu') }}
      />
    </div>
  );
}
