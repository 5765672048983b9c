import { readFileSync } from 'node:fs';
import type { Look } from './support';

type Words = { [key: string]: string | Words };

/** words reads what a feature of the dashboard says in a language: words('en')('routers', 'create'). */
export function words(
  language: Look['language'],
): (feature: string, key: string, values?: Record<string, string>) => string {
  const read = new Map<string, Words>();
  return (feature, key, values = {}) => {
    const file = feature === 'common' ? `locales/${language}.json` : `features/${feature}/${language}.json`;
    const all =
      read.get(file) ?? (JSON.parse(readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8')) as Words);
    read.set(file, all);
    const found = key
      .split('.')
      .reduce<string | Words | undefined>((w, k) => (typeof w === 'object' ? w[k] : undefined), all);
    if (typeof found !== 'string') throw new Error(`there are no words ${key} in ${file}`);
    return found.replace(/{{(\w+)}}/g, (_, name: string) => values[name] ?? '');
  };
}
