import { expect, test } from 'vitest';

const sources = import.meta.glob<string>('../**/*.tsx', { eager: true, query: '?raw', import: 'default' });

test('each table has a memory of preferences of its own', () => {
  const places = new Map<string, string[]>();
  for (const [path, source] of Object.entries(sources)) {
    for (const [, opening = ''] of source.matchAll(
      /<(?:ResourceTable|ListPage|ListTable)(?:<\w+>)?(?=\s)(.{0,200})/gs,
    )) {
      // Where the id is worked out it is given below, by who uses the table.
      const id = /^\s+(?:key=\{.*?\}\s+)?(?:\{\.\.\.|id=)(?:"([\w-]+)"|\{|\w)/.exec(opening);
      expect(id, `${path} names its table`).not.toBeNull();
      if (id?.[1]) places.set(id[1], [...(places.get(id[1]) ?? []), path]);
    }
    for (const [, id = ''] of source.matchAll(/<Assignments\b[^>]*?\bid="([\w-]+)"/g))
      places.set(id, [...(places.get(id) ?? []), path]);
  }
  expect(places.size).toBeGreaterThan(20);
  expect([...places].filter(([, paths]) => paths.length > 1)).toEqual([]);
});
