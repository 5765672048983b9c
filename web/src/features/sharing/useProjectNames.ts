import { useProjects } from '~/api/identity';
import { useMyProjects, useSession } from '~/app/useSession';

interface Named {
  id: string;
  name: string;
}

/** useKnownProjects are the projects that the user knows by name: administrators all, others those they work in. */
export function useKnownProjects(): Named[] {
  const { isAdmin } = useSession();
  const all = useProjects(isAdmin).data;
  const mine = useMyProjects().data;
  return (isAdmin ? all : mine) ?? [];
}

/** useProjectWords is the name of a project by its id, and the id of one that the user does not know. */
export function useProjectWords(): (id: string) => string {
  const known = new Map(useKnownProjects().map((p) => [p.id, p.name]));
  return (id) => known.get(id) ?? id;
}
