import Alert from '@cloudscape-design/components/alert';
import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type SecurityGroup, usePorts } from '~/api/network';
import { remove, setTags } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { Names, usePortWords } from '~/features/networks/Deletions';
import { type Action, opens } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { useTags } from '~/ui/useTags';
import { GroupForm } from './GroupForm';

/** What can be done to security groups, and the dialog that it opens. */
export function useGroupActions(onDeleted?: () => void): {
  actions: Action<SecurityGroup>[];
  dialog: ReactElement | null;
} {
  const { t } = useTranslation('securitygroups');
  const { isAdmin, projectId } = useSession();
  const foreign = (g: SecurityGroup) => (isAdmin || g.project_id === projectId ? undefined : t('notYours'));
  const [edited, setEdited] = useState<SecurityGroup>();
  const tags = useTags<SecurityGroup>({ refused: foreign, save: (g, all) => setTags('security_group', g.id, all) });
  return {
    dialog: edited ? <GroupForm before={edited} onClose={() => setEdited(undefined)} /> : tags.dialog,
    actions: [
      opens({ id: 'edit', text: t('common:edit'), refused: foreign, open: setEdited }),
      tags.action,
      {
        id: 'delete',
        text: t('common:delete'),
        danger: true,
        refused: (g) => foreign(g) ?? (g.name === 'default' && !isAdmin ? t('defaultStays') : undefined),
        question: (items) => ({
          title: t('deleteTitle', { count: items.length }),
          body: <GroupDeletion groups={items} />,
        }),
        run: async (g) => {
          await remove('security_group', g.id);
          onDeleted?.();
        },
      },
    ],
  };
}

function GroupDeletion({ groups }: { groups: SecurityGroup[] }) {
  const { t } = useTranslation('securitygroups');
  const ports = usePorts({ security_groups: groups.map((g) => g.id) }).data ?? [];
  const words = usePortWords();
  return (
    <>
      <p>{t('deleteText', { names: groups.map(nameOf).join(', ') })}</p>
      {groups.some((g) => g.name === 'default') && <p>{t('deleteDefault')}</p>}
      {ports.length > 0 && (
        <Alert type="error" header={t('inTheWay')}>
          <Names names={ports.map(words)} />
        </Alert>
      )}
    </>
  );
}
