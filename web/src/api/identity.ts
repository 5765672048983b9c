import { useQuery } from '@tanstack/react-query';
import { call, collect } from './client';
import { isNotFound } from './error';

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
  options?: Record<string, unknown>;
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
  options?: { immutable?: boolean };
}

/** A role that brings others with it. */
export interface Inference {
  prior_role: Ref;
  implies: Ref[];
}

export interface Domain {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
}

export interface Ref {
  id: string;
  name?: string;
  domain?: { id: string; name?: string };
}

export interface RoleAssignment {
  role: Ref;
  user?: Ref;
  group?: Ref;
  scope: { project?: Ref; domain?: Ref; system?: { all: boolean }; 'OS-INHERIT:inherited_to'?: 'projects' };
  /** Where the assignment itself can be taken away, and by what others it came about, when effective ones are asked for. */
  links: { assignment: string; membership?: string; prior_role?: string };
}

/** A request that application credentials may make. */
export interface AccessRule {
  id: string;
  service: string;
  method: string;
  path: string;
}

export interface ApplicationCredential {
  id: string;
  name: string;
  description: string | null;
  project_id: string;
  expires_at: string | null;
  unrestricted: boolean;
  roles: Ref[];
  /** The requests that it may make; all if there are none. */
  access_rules?: AccessRule[];
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

export const useProjects = (enabled = true) =>
  useQuery({ queryKey: ['project', {}], queryFn: () => list<Project>('projects', 'projects'), enabled });
export const useProject = (id: string) =>
  useQuery({
    queryKey: ['project', id],
    queryFn: () => call<{ project: Project }>('identity', 'GET', `/projects/${id}`).then((a) => a.project),
  });
export const useUsers = (enabled = true) =>
  useQuery({ queryKey: ['user', {}], queryFn: () => list<User>('users', 'users'), enabled });
export const useUser = (id: string) =>
  useQuery({
    queryKey: ['user', id],
    queryFn: () => call<{ user: User }>('identity', 'GET', `/users/${id}`).then((a) => a.user),
  });
export const useGroups = () => useQuery({ queryKey: ['group', {}], queryFn: () => list<Group>('groups', 'groups') });
/** Roles of the whole cloud, or those that a domain has for itself. */
export const useRoles = (domain = '') =>
  useQuery({
    queryKey: ['role', { domain }],
    queryFn: () => list<Role>('roles', 'roles', domain ? { domain_id: domain } : undefined),
  });
export const useRole = (id: string) =>
  useQuery({
    queryKey: ['role', id],
    queryFn: () => call<{ role: Role }>('identity', 'GET', `/roles/${id}`).then((a) => a.role),
  });
export const useInferences = () =>
  useQuery({
    queryKey: ['role', { inferences: true }],
    queryFn: () => list<Inference>('role_inferences', 'role_inferences'),
  });
export const useGroup = (id: string) =>
  useQuery({
    queryKey: ['group', id],
    queryFn: () => call<{ group: Group }>('identity', 'GET', `/groups/${id}`).then((a) => a.group),
  });
export const useGroupMembers = (id: string) =>
  useQuery({ queryKey: ['group', id, 'members'], queryFn: () => list<User>(`groups/${id}/users`, 'users') });
export const useUserGroups = (id: string) =>
  useQuery({ queryKey: ['group', { user: id }], queryFn: () => list<Group>(`users/${id}/groups`, 'groups') });
export const useDomains = () => useQuery({ queryKey: ['domain'], queryFn: () => list<Domain>('domains', 'domains') });
export const useDomain = (id: string) =>
  useQuery({
    queryKey: ['domain', id],
    queryFn: () => call<{ domain: Domain }>('identity', 'GET', `/domains/${id}`).then((a) => a.domain),
  });
export const useServices = () =>
  useQuery({ queryKey: ['service'], queryFn: () => list<Service>('services', 'services') });
export const useEndpoints = () =>
  useQuery({ queryKey: ['endpoint'], queryFn: () => list<Endpoint>('endpoints', 'endpoints') });

/** Assignments with names; filter: user.id, group.id, scope.project.id, effective, … */
export const useRoleAssignments = (filter: Record<string, string>) =>
  useQuery({
    queryKey: ['role_assignment', filter],
    queryFn: () => list<RoleAssignment>('role_assignments', 'role_assignments', { ...filter, include_names: true }),
  });

export const useApplicationCredentials = (user: string) =>
  useQuery({
    queryKey: ['application_credential', { user }],
    queryFn: () => list<ApplicationCredential>(`users/${user}/application_credentials`, 'application_credentials'),
  });

export const useAccessRules = (user: string) =>
  useQuery({
    queryKey: ['access_rule', { user }],
    queryFn: () => list<AccessRule>(`users/${user}/access_rules`, 'access_rules'),
  });

/**
 * What the cloud asks of passwords, in the words of who set it; null where nothing was set. The rule is one for all domains, and
 * Keystone shows it in the configuration of the default one alone.
 */
export const usePasswordRule = () =>
  useQuery({
    queryKey: ['domain_config', 'default', 'password'],
    queryFn: () =>
      call<{ config: Record<string, string | null> }>(
        'identity',
        'GET',
        '/domains/default/config/security_compliance/password_regex_description',
      ).then(
        (a) => a.config.password_regex_description ?? null,
        (error) => {
          if (isNotFound(error)) return null;
          throw error;
        },
      ),
  });

/** The options that a domain has for itself; a domain without any has no configuration. */
export const useDomainConfig = (domain: string) =>
  useQuery({
    queryKey: ['domain_config', domain],
    queryFn: () =>
      call<{ config: Record<string, Record<string, unknown>> }>('identity', 'GET', `/domains/${domain}/config`).then(
        (a) => a.config,
        (error): Record<string, Record<string, unknown>> => {
          if (isNotFound(error)) return {};
          throw error;
        },
      ),
  });

/** All options that a domain can have, with what holds where it has none. */
export const useDomainConfigDefaults = () =>
  useQuery({
    queryKey: ['domain_config', 'default'],
    queryFn: () =>
      call<{ config: Record<string, Record<string, unknown>> }>('identity', 'GET', '/domains/config/default').then(
        (a) => a.config,
      ),
  });
