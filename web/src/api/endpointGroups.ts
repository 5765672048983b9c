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

/** Where an endpoint, or a group of them, is given to a project. */
export const groupPlace = (group: string, project: string) => `${endpointGroups}/${group}/projects/${project}`;
export const endpointPlace = (endpoint: string, project: string) =>
  `/OS-EP-FILTER/projects/${project}/endpoints/${endpoint}`;

/** Resources that show what projects are given. */
export const given = ['endpoint_group', 'project'];

/** The groups that a project is given. */
export const useProjectGroups = (project: string) =>
  useQuery({
    queryKey: ['endpoint_group', { project }],
    queryFn: () =>
      collect<EndpointGroup>('identity', `/OS-EP-FILTER/projects/${project}/endpoint_groups`, 'endpoint_groups'),
  });
/** The endpoints that a project is given, one by one or by groups. */
export const useProjectEndpoints = (project: string) =>
  useQuery({
    queryKey: ['endpoint_group', { project, endpoints: true }],
    queryFn: () => collect<Endpoint>('identity', `/OS-EP-FILTER/projects/${project}/endpoints`, 'endpoints'),
  });
/** The projects that are given an endpoint by itself. */
export const useEndpointProjects = (endpoint: string) =>
  useQuery({
    queryKey: ['endpoint_group', { endpoint }],
    queryFn: () => collect<Project>('identity', `/OS-EP-FILTER/endpoints/${endpoint}/projects`, 'projects'),
  });
