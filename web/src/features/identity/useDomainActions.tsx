import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Domain } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { DomainContents } from './DomainContents';
import { DomainForm } from './DomainForm';
import { deleteDomain, updateDomain } from './mutations';

/** What can be done to domains, and the dialog that it opens. */
export function useDomainActions(onDeleted?: () => void): { actions: Action<Domain>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('identity');
  const { body } = useSession();
  const [edited, setEdited] = useState<Domain>();
  const own = (d: Domain) =>
    [body.user.domain.id, body.project?.domain.id].includes(d.id) ? t('domain.refusedOwn') : undefined;
  return {
    dialog: edited ? <DomainForm before={edited} onClose={() => setEdited(undefined)} /> : null,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), open: setEdited }),
      {
        id: 'enable',
        text: t('enable'),
        refused: (d) => (d.enabled ? t('refusedEnabled') : undefined),
        run: (d) => updateDomain(d.id, { enabled: true }),
      },
      {
        id: 'disable',
        text: t('disable'),
        danger: true,
        refused: (d) => (d.enabled ? own(d) : t('refusedDisabled')),
        question: (items) => ({
          title: t('domain.disableTitle', { count: items.length, name: items[0]?.name }),
          body: t('domain.disableText'),
        }),
        run: (d) => updateDomain(d.id, { enabled: false }),
      },
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (d) => own(d) ?? (d.enabled ? t('domain.refusedEnabled') : undefined),
        question: (items) => ({
          title: t('domain.deleteTitle', { count: items.length, name: items[0]?.name }),
          body: <DomainContents domains={items} />,
        }),
        run: async (d) => {
          await deleteDomain(d.id);
          onDeleted?.();
        },
      },
    ],
  };
}
