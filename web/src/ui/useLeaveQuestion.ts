import { useEffect } from 'react';
import { useBlocker } from 'react-router-dom';
import { session } from '~/api/session';
import { confirm, type Question } from './confirm';

/** useLeaveQuestion asks before the page is left, by whichever link, while asks says so. Who must log in again is not held. */
export function useLeaveQuestion(asks: () => boolean, question: Question): void {
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      currentLocation.pathname !== nextLocation.pathname && session.current !== null && !session.expired && asks(),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once for each time that the page was to be left
  useEffect(() => {
    if (blocker.state !== 'blocked') return;
    let current = true;
    void confirm(question).then((yes) => {
      if (!current) return;
      if (yes) blocker.proceed();
      else blocker.reset();
    });
    return () => {
      current = false;
    };
  }, [blocker]);
}
