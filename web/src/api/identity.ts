import { useQuery } from '@tanstack/react-query';
import { call, collect } from './client';

// Types as in the Identity API v3 reference; only what the dashboard uses.

export interface Project {
  id: string;
  name: string;
  description: string;
  domain_id: string;
  parent_id: string | null;
  enabled: boolean;
  is_domain: boolean;
  tags: string[];
}

export interface User {
  id: string;
  name: string;
  domain_id: string;
  enabled: boolean;
  description?: string;
  email?: string;
  default_project_id?: string;
  password_expires_at: string | null;
}

export interface Group {
  id: string;
  name: string;
  description: string;
  domain_id: string;
}

export interface Role {
  id: string;
  name: string;
  description: string | null;
  domain_id: string | null;
}

export interface Domain {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
}

interface Ref {
  id: string;
  name?: string;
  domain?: { id: string; name?: string };
}

export interface RoleAssignment {
  role: Ref;
  user?: Ref;
  group?: Ref;
  scope: { project?: Ref; domain?: Ref; system?: { all: boolean } };
}

export interface ApplicationCredential {
  id: string;
  name: string;
  description: string | null;
  project_id: string;
  expires_at: string | null;
  unrestricted: boolean;
  roles: Ref[];
  /** Given once, in the answer to the create. */
  secret?: string;
}

export interface Service {
  id: string;
  name: string;
  type: string;
  description?: string;
  enabled: boolean;
}

export interface Endpoint {
  id: string;
  service_id: string;
  interface: 'public' | 'internal' | 'admin';
  region_id: string;
  url: string;
  enabled: boolean;
}

const list = <T>(path: string, key: string, query?: Record<string, string | boolean>) =>
  collect<T>('identity', `/${path}`, key, { query });

export const useProjects = () =>
  useQuery({ queryKey: ['project', {}], queryFn: () => list<Project>('projects', 'projects') });
export const useProject = (id: string) =>
  useQuery({
    queryKey: ['project', id],
    queryFn: () => call<{ project: Project }>('identity', 'GET', `/projects/${id}`).then((a) => a.project),
  });
export const useUsers = () => useQuery({ queryKey: ['user', {}], queryFn: () => list<User>('users', 'users') });
export const useUser = (id: string) =>
  useQuery({
    queryKey: ['user', id],
    queryFn: () => call<{ user: User }>('identity', 'GET', `/users/${id}`).then((a) => a.user),
  });
export const useGroups = () => useQuery({ queryKey: ['group', {}], queryFn: () => list<Group>('groups', 'groups') });
export const useRoles = () => useQuery({ queryKey: ['role'], queryFn: () => list<Role>('roles', 'roles') });
export const useDomains = () => useQuery({ queryKey: ['domain'], queryFn: () => list<Domain>('domains', 'domains') });
export const useServices = () =>
  useQuery({ queryKey: ['service'], queryFn: () => list<Service>('services', 'services') });
export const useEndpoints = () =>
  useQuery({ queryKey: ['endpoint'], queryFn: () => list<Endpoint>('endpoints', 'endpoints') });

/** Assignments with names; filter: user.id, group.id, scope.project.id, … */
export const useRoleAssignments = (filter: Record<string, string>) =>
  useQuery({
    queryKey: ['role_assignment', filter],
    queryFn: () => list<RoleAssignment>('role_assignments', 'role_assignments', { ...filter, include_names: true }),
  });

export const useApplicationCredentials = (user: string) =>
  useQuery({
    queryKey: ['application_credential', user],
    queryFn: () => list<ApplicationCredential>(`users/${user}/application_credentials`, 'application_credentials'),
  });
