import { expect, test } from 'vitest';

const sources = import.meta.glob('./**/*.tsx', { query: '?raw', import: 'default', eager: true }) as Record<
  string,
  string
>;

test('each table has a name of its own, under which its preferences are kept', () => {
  const ids = Object.values(sources).flatMap((text) =>
    [...text.matchAll(/<ResourceTable\b[^>]*?\sid="([^"]+)"/gs)].map((found) => found[1]),
  );
  expect(ids.length).toBeGreaterThan(20);
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
});
