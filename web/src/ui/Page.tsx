import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import { createContext, useContext, useEffect } from 'react';
import { createPortal } from 'react-dom';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';

export interface Crumb {
  text: string;
  href: string;
}

const PlaceContext = createContext<HTMLElement | null>(null);

/** The place in the shell where a page puts its breadcrumbs. */
export const CrumbsPlace = PlaceContext.Provider;

/** Crumbs names the page in the window's title and in the trail; the last crumb is the page itself. */
export function Crumbs({ trail }: { trail: Crumb[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const title = trail.at(-1)?.text ?? '';
  useEffect(() => {
    document.title = title ? `${title} – wisp` : 'wisp';
  }, [title]);
  const place = useContext(PlaceContext);
  if (!place) return null;
  return createPortal(
    <BreadcrumbGroup
      ariaLabel={t('breadcrumbs')}
      items={[{ text: 'wisp', href: '/' }, ...trail]}
      onFollow={(event) => {
        event.preventDefault();
        navigate(event.detail.href);
      }}
    />,
    place,
  );
}
