import { expect, test } from 'vitest';

const files = import.meta.glob<Record<string, unknown>>('../**/{en,zh-CN}.json', { eager: true, import: 'default' });

function keys(words: Record<string, unknown>, prefix = ''): string[] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null
      ? keys(value as Record<string, unknown>, `${prefix}${key}.`)
      : [`${prefix}${key}`],
  );
}

function texts(words: Record<string, unknown>, prefix = ''): [string, string][] {
  return Object.entries(words).flatMap(([key, value]): [string, string][] =>
    typeof value === 'object' && value !== null
      ? texts(value as Record<string, unknown>, `${prefix}${key}.`)
      : [[`${prefix}${key}`, String(value)]],
  );
}

const places = (text: string): string[] => (text.match(/{{[^}]+}}/g) ?? []).sort();

for (const [path, english] of Object.entries(files).filter(([path]) => path.endsWith('/en.json'))) {
  const chinese = files[path.replace('/en.json', '/zh-CN.json')];

  test(`${path} has the same words in both languages`, () => {
    expect(chinese, 'there is a Chinese file').toBeDefined();
    expect(keys(chinese ?? {}).sort()).toEqual(keys(english).sort());
  });

  test(`${path} fills the same places in both languages`, () => {
    const other = Object.fromEntries(texts(chinese ?? {}));
    for (const [key, text] of texts(english)) {
      expect(text, key).not.toBe('');
      // Where the number is one, English may leave it out.
      if (!key.endsWith('_one')) expect(places(other[key] ?? ''), key).toEqual(places(text));
    }
  });
}
