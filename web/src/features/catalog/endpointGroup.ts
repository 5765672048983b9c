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

/** holds tells whether an endpoint is in a group: it has all that the filters say. */
export const holds = ({ filters }: Pick<EndpointGroup, 'filters'>, endpoint: Endpoint): boolean =>
  Object.entries(filters).every(([name, value]) => endpoint[name as keyof typeof filters] === value);

/** What of a list is to be added to make another of it, and what taken away. */
export const difference = (before: string[], after: string[]): { add: string[]; remove: string[] } => ({
  add: after.filter((id) => !before.includes(id)),
  remove: before.filter((id) => !after.includes(id)),
});
