import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Domain, useGroups, useProjects, useUsers } from '~/api/identity';

/** What goes with domains that are deleted. */
export function DomainContents({ domains }: { domains: Domain[] }) {
  const { t } = useTranslation('identity');
  const ids = domains.map((d) => d.id);
  const inside = (items: { domain_id: string }[] | undefined) =>
    items?.filter((item) => ids.includes(item.domain_id)).length ?? 0;
  const counts = {
    projects: inside(useProjects().data),
    users: inside(useUsers().data),
    groups: inside(useGroups().data),
  };
  const present = Object.entries(counts).filter(([, count]) => count > 0);
  return (
    <SpaceBetween size="s">
      <div>{t('domain.deleteText')}</div>
      {present.length > 0 && (
        <div data-testid="contents">
          <b>{t('domain.goWith')}</b>
          <ul>
            {present.map(([kind, count]) => (
              <li key={kind}>{t(`contents.${kind}`, { count })}</li>
            ))}
          </ul>
        </div>
      )}
      {counts.projects > 0 && <div>{t('domain.orphans')}</div>}
    </SpaceBetween>
  );
}
