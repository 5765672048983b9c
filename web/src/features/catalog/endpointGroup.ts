import type { EndpointGroup } from '~/api/endpointGroups';
import type { Endpoint } from '~/api/identity';

/** What the form of an endpoint group holds; '' is any. */
export interface FilterValues {
  service: string;
  region: string;
  kind: string;
}

export const filterValues = (filters: EndpointGroup['filters'] = {}): FilterValues => ({
  service: filters.service_id ?? '',
  region: filters.region_id ?? '',
  kind: filters.interface ?? '',
});

/** filtersOf are the filters that the form says; without any, there are none, which the API does not take. */
export const filtersOf = ({ service, region, kind }: FilterValues): EndpointGroup['filters'] => ({
  ...(service && { service_id: service }),
  ...(region && { region_id: region }),
  ...(kind && { interface: kind as Endpoint['interface'] }),
});
