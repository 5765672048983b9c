import i18next from 'i18next';
import type { Namespace } from '~/api/metadef';
import type { Rule } from '~/ui/rules';

/** What the API says of itself and takes from nobody. */
const told = ['owner', 'created_at', 'updated_at', 'self', 'schema'];

const without = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !told.includes(key)));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** documentOf is a namespace as a file: all that makes it again elsewhere. */
export function documentOf(namespace: Namespace): Record<string, unknown> {
  const clean = without({ ...namespace });
  for (const key of ['resource_type_associations', 'objects', 'tags']) {
    const list = clean[key];
    if (Array.isArray(list)) clean[key] = list.map((one) => (isObject(one) ? without(one) : one));
  }
  return clean;
}

/** readDocument reads the file of a namespace; undefined when it is none. */
export function readDocument(text: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return isObject(found) && typeof found.namespace === 'string' && found.namespace
      ? documentOf(found as unknown as Namespace)
      : undefined;
  } catch {
    return undefined;
  }
}

export const documentRule: Rule = (value) => (readDocument(value) ? undefined : i18next.t('metadefs:rules.document'));

/** jsonRule takes an object of JSON. */
export const jsonRule: Rule = (value) => {
  try {
    return isObject(JSON.parse(value)) ? undefined : i18next.t('metadefs:rules.json');
  } catch {
    return i18next.t('metadefs:rules.json');
  }
};
