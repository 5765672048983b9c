import { useTranslation } from 'react-i18next';
import type { EndpointGroup } from '~/api/endpointGroups';
import { useServices } from '~/api/identity';

/** What the filters of an endpoint group say, in words. */
export function useFilterWords() {
  const { t } = useTranslation('catalog');
  const services = new Map((useServices().data ?? []).map((s) => [s.id, s.name || s.type]));
  return ({ filters }: EndpointGroup) => ({
    service: filters.service_id ? (services.get(filters.service_id) ?? filters.service_id) : t('any'),
    region: filters.region_id ?? t('any'),
    kind: filters.interface ? t(`interfaces.${filters.interface}`) : t('any'),
  });
}
