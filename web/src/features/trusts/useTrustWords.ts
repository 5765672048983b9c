import { useTranslation } from 'react-i18next';
import type { Trust } from '~/api/delegation';
import { useUsers } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { useProjectWords } from '~/features/sharing/useProjectNames';
import { formatTime } from '~/ui/format';

/** useTrustWords puts the parts of a trust into words; users that one may not look up are shown by their ids. */
export function useTrustWords() {
  const { t } = useTranslation('trusts');
  const { body, isAdmin } = useSession();
  const users = useUsers(isAdmin).data ?? [];
  const project = useProjectWords();
  const user = (id: string): string =>
    id === body.user.id ? body.user.name : (users.find((u) => u.id === id)?.name ?? id);
  return {
    user,
    project: (trust: Trust) => (trust.project_id ? project(trust.project_id) : '–'),
    ends: (trust: Trust) => (trust.expires_at ? formatTime(trust.expires_at) : t('endsNever')),
    uses: (trust: Trust) => (trust.remaining_uses === null ? t('usesAny') : trust.remaining_uses),
  };
}
