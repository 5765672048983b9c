import i18next from 'i18next';
import { all, maxLength, type Rule, wholeNumber } from '~/ui/rules';

const most = 2 ** 31 - 1;
const words = (key: string) => i18next.t(`images:rules.${key}`);

export const nameRule: Rule = maxLength(255);
export const amountRule: Rule = wholeNumber(0, most);

/** Names that are no property's: the API's own attributes, and what it keeps for itself. */
const taken =
  /^(id|name|status|visibility|owner|disk_format|container_format|size|virtual_size|checksum|os_hash_algo|os_hash_value|min_disk|min_ram|protected|os_hidden|tags|created_at|updated_at|self|file|schema|stores|direct_url|locations?|deleted|deleted_at|os_glance.*)$/;

export const propertyRule: Rule = all(maxLength(255), (key) => (taken.test(key.trim()) ? words('taken') : undefined));
export const valueRule: Rule = maxLength(65535);

export const urlRule: Rule = (value) => {
  if (!value.trim()) return undefined;
  let url: URL;
  try {
    url = new URL(value.trim());
  } catch {
    return words('url');
  }
  if (!['http:', 'https:'].includes(url.protocol)) return words('url');
  return url.username || url.password ? words('urlUser') : undefined;
};

/** tagsOf reads tags that commas part; each once. */
export const tagsOf = (text: string): string[] => [
  ...new Set(
    text
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
];
export const tagsRule: Rule = (value) =>
  tagsOf(value)
    .map((tag) => maxLength(255)(tag) ?? (tag.includes('/') ? words('tagSlash') : undefined))
    .find(Boolean);
