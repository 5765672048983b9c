import { useQuery } from '@tanstack/react-query';
import { call, collect } from './client';
import type { Endpoint, Project } from './identity';

// Which endpoints projects find in their catalog: types as in the Identity API v3 reference, extension OS-EP-FILTER.

/** The endpoints that have all that the filters say. */
export interface EndpointGroup {
  id: string;
  name: string;
  description: string | null;
  filters: { service_id?: string; region_id?: string; interface?: Endpoint['interface'] };
}

export const endpointGroups = '/OS-EP-FILTER/endpoint_groups';

export const useEndpointGroups = () =>
  useQuery({
    queryKey: ['endpoint_group', {}],
    queryFn: () => collect<EndpointGroup>('identity', endpointGroups, 'endpoint_groups'),
  });
export const useEndpointGroup = (id: string) =>
  useQuery({
    queryKey: ['endpoint_group', id],
    queryFn: () =>
      call<{ endpoint_group: EndpointGroup }>('identity', 'GET', `${endpointGroups}/${id}`).then(
        (a) => a.endpoint_group,
      ),
  });
export const useGroupEndpoints = (id: string) =>
  useQuery({
    queryKey: ['endpoint_group', id, 'endpoints'],
    queryFn: () => collect<Endpoint>('identity', `${endpointGroups}/${id}/endpoints`, 'endpoints'),
  });
export const useGroupProjects = (id: string) =>
  useQuery({
    queryKey: ['endpoint_group', id, 'projects'],
    queryFn: () => collect<Project>('identity', `${endpointGroups}/${id}/projects`, 'projects'),
  });
