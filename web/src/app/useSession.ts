import { useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { projectsOf, type Session, session } from '~/api/session';

/** useSession is the current session of a page that only signed-in users see. */
export function useSession(): Session & { isAdmin: boolean; projectId: string } {
  useSyncExternalStore(session.subscribe, session.snapshot);
  const now = session.current;
  if (!now) throw new Error('there is no session');
  return { ...now, isAdmin: session.isAdmin, projectId: now.body.project?.id ?? '' };
}

/** useMyProjects are the projects that the user of the session may work in. */
export function useMyProjects() {
  const { token, body } = useSession();
  return useQuery({ queryKey: ['project', { mine: body.user.id }], queryFn: () => projectsOf(token) });
}
