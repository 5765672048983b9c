import { useTranslation } from 'react-i18next';

/** useQuotaLabel gives what a resource of a quota is called, and whether its limit is not one for the whole project. */
export function useQuotaLabel(): (resource: string) => string {
  const { t, i18n } = useTranslation('identity');
  return (resource) => {
    const key = `quota.of.${resource}`;
    const words = i18n.exists(`identity:${key}`) ? t(key) : resource;
    const each = `quota.each.${resource}`;
    return i18n.exists(`identity:${each}`) ? `${words} (${t(each)})` : words;
  };
}
