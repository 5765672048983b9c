import { useServers } from '~/api/compute';
import { useSession } from '~/app/useSession';

/** useServerNames are the names of instances by id: of the project, for administrators of all projects. */
export function useServerNames(): Map<string, string> {
  const { isAdmin } = useSession();
  return new Map((useServers(isAdmin).data ?? []).map((s) => [s.id, s.name]));
}
