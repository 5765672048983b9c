import i18next from 'i18next';
import { maxLength, type Rule, say } from '~/ui/rules';

// The Compute API's rules for what servers are given.

const maxTags = 50;

/** printable text without control characters and line breaks. */
export const printable: Rule = (value) =>
  /[\p{C}\p{Zl}\p{Zp}]/u.test(value) ? i18next.t('instances:rules.printable') : undefined;

const orderly =
  (max: number): Rule =>
  (value) =>
    maxLength(max)(value.trim()) ?? printable(value);

export const nameRule = orderly(255);
export const descriptionRule = orderly(255);

export const metadataKey: Rule = (value) =>
  /^[a-zA-Z0-9\-_:. ]{1,255}$/.test(value.trim()) ? undefined : i18next.t('instances:rules.metadataKey');
export const metadataValue = maxLength(255);

/** parseTags reads tags with commas between them; each once. */
export const parseTags = (text: string): string[] => [
  ...new Set(
    text
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
];

export const tagsRule: Rule = (value) => {
  const tags = parseTags(value);
  if (tags.some((tag) => tag.includes('/'))) return i18next.t('instances:rules.tagSlash');
  const long = tags.find((tag) => [...tag].length > 60);
  if (long) return i18next.t('instances:rules.tagLong', { tag: long });
  return tags.length > maxTags ? i18next.t('instances:rules.tagCount', { max: maxTags }) : undefined;
};

export const metadataCount =
  (max: number) =>
  (pairs: unknown[]): string | undefined =>
    max >= 0 && pairs.length > max ? say('max', { max }) : undefined;
