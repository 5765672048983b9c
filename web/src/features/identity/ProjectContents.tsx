import Alert from '@cloudscape-design/components/alert';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQueries } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { call, collect } from '~/api/client';
import type { Project } from '~/api/identity';
import type { QuotaDetail } from '~/api/network';

/** Kinds of things that a project may own, in the order in which they are told. */
const kinds = ['instances', 'images', 'network', 'router', 'floatingip', 'port', 'security_group'] as const;
type Contents = Partial<Record<(typeof kinds)[number], number>>;

async function contentsOf(project: string): Promise<Contents> {
  const [compute, network, images] = await Promise.all([
    call<{ quota_set: { instances: { in_use: number } } }>('compute', 'GET', `/os-quota-sets/${project}/detail`),
    call<{ quota: Record<string, QuotaDetail> }>('network', 'GET', `/quotas/${project}/details.json`),
    collect<{ id: string }>('image', '/images', 'images', { query: { owner: project, limit: 100 } }),
  ]);
  const found: Contents = { instances: compute.quota_set.instances.in_use, images: images.length };
  for (const kind of kinds) found[kind] ??= network.quota[kind]?.used ?? 0;
  return found;
}

/** What stays behind, without an owner, when projects are deleted: the API deletes nothing of it. */
export function ProjectContents({ projects }: { projects: Project[] }) {
  const { t } = useTranslation('identity');
  const results = useQueries({
    queries: projects.map((p) => ({ queryKey: ['usage', 'contents', p.id], queryFn: () => contentsOf(p.id) })),
  });
  const failed = results.some((r) => r.error);
  const waiting = results.some((r) => r.isPending);
  const sum = (kind: (typeof kinds)[number]) => results.reduce((n, r) => n + (r.data?.[kind] ?? 0), 0);
  const present = kinds.map((kind) => ({ kind, count: sum(kind) })).filter(({ count }) => count > 0);
  return (
    <SpaceBetween size="s">
      <div>{t('project.deleteText')}</div>
      {waiting && !failed && <div>{t('project.looking')}</div>}
      {failed && <Alert type="error">{t('project.contentsUnknown')}</Alert>}
      {!waiting && !failed && present.length === 0 && <div>{t('project.isEmpty', { count: projects.length })}</div>}
      {present.length > 0 && (
        <div data-testid="contents">
          <b>{t('project.orphans')}</b>
          <ul>
            {present.map(({ kind, count }) => (
              <li key={kind}>{t(`contents.${kind}`, { count })}</li>
            ))}
          </ul>
          {t('project.orphansText')}
        </div>
      )}
    </SpaceBetween>
  );
}
