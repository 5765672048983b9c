import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, test } from 'vitest';
import { askAgain } from './again';

const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** ask shows the answers of a question that takes 40 ms; what is answered is what was so when it was asked. */
function ask(client: QueryClient, now: () => string) {
  const shown: string[] = [];
  let asked = 0;
  const observer = new QueryObserver(client, {
    queryKey: ['thing'],
    queryFn: async () => {
      asked += 1;
      const answer = now();
      await after(40);
      return answer;
    },
  });
  const stop = observer.subscribe(({ data }) => {
    if (data && shown.at(-1) !== data) shown.push(data);
  });
  return { shown, asked: () => asked, stop };
}

test('what changes while the first answer is on its way is asked for again', async () => {
  const client = new QueryClient();
  let state = 'BUILD';
  const { shown, asked, stop } = ask(client, () => state);
  await after(10);
  state = 'ACTIVE';
  askAgain(client, () => true);
  await expect.poll(() => shown).toEqual(['BUILD', 'ACTIVE']);
  expect(asked()).toBe(2);
  stop();
});

test('a stream of changes does not keep answers from coming, and folds into few questions', async () => {
  const client = new QueryClient();
  let count = 0;
  const { shown, asked, stop } = ask(client, () => String(count));
  for (; count < 30; count++) {
    askAgain(client, ({ queryKey }) => queryKey[0] === 'thing');
    await after(10);
  }
  expect(shown.length).toBeGreaterThan(2);
  await expect.poll(() => shown.at(-1)).toBe('30');
  expect(asked()).toBeLessThan(15);
  stop();
});
