import { isNotFound } from '~/api/error';
import type { Domain, Group, Project, Role, User } from '~/api/identity';
import { write } from '~/api/write';
import { type Grant, grantPath } from './grants';

const identity = <T = void>(
  resources: string[],
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
) => write<T>(resources, 'identity', method, path, body);

const projects = ['project', 'role_assignment'];

export const createProject = (project: Partial<Project>) =>
  identity<{ project: Project }>(projects, 'POST', '/projects', { project }).then((a) => a.project);
export const updateProject = (id: string, project: Partial<Project>) =>
  identity(projects, 'PATCH', `/projects/${id}`, { project });
export const setProjectTags = (id: string, tags: string[]) =>
  identity(projects, 'PUT', `/projects/${id}/tags`, { tags });
export const deleteProject = (id: string) => identity([...projects, 'user'], 'DELETE', `/projects/${id}`);

export interface UserFields extends Partial<Omit<User, 'default_project_id'>> {
  password?: string;
  default_project_id?: string | null;
}

export const createUser = (user: UserFields) =>
  identity<{ user: User }>(['user'], 'POST', '/users', { user }).then((a) => a.user);
export const updateUser = (id: string, user: UserFields) => identity(['user'], 'PATCH', `/users/${id}`, { user });
export const deleteUser = (id: string) => identity(['user', 'role_assignment', 'group'], 'DELETE', `/users/${id}`);

export const createGroup = (group: Partial<Group>) => identity(['group'], 'POST', '/groups', { group });
export const updateGroup = (id: string, group: Partial<Group>) =>
  identity(['group'], 'PATCH', `/groups/${id}`, { group });
export const deleteGroup = (id: string) => identity(['group', 'role_assignment'], 'DELETE', `/groups/${id}`);
export const addMember = (group: string, user: string) =>
  identity(['group', 'role_assignment'], 'PUT', `/groups/${group}/users/${user}`);
export const removeMember = (group: string, user: string) =>
  identity(['group', 'role_assignment'], 'DELETE', `/groups/${group}/users/${user}`);

export const createRole = (role: Partial<Role>) => identity(['role'], 'POST', '/roles', { role });
export const updateRole = (id: string, role: Partial<Role>) => identity(['role'], 'PATCH', `/roles/${id}`, { role });
export const deleteRole = (id: string) => identity(['role', 'role_assignment'], 'DELETE', `/roles/${id}`);
export const imply = (prior: string, implied: string) =>
  identity(['role', 'role_assignment'], 'PUT', `/roles/${prior}/implies/${implied}`);
export const unimply = (prior: string, implied: string) =>
  identity(['role', 'role_assignment'], 'DELETE', `/roles/${prior}/implies/${implied}`);

export const createDomain = (domain: Partial<Domain>) => identity(['domain'], 'POST', '/domains', { domain });
export const updateDomain = (id: string, domain: Partial<Domain>) =>
  identity(['domain'], 'PATCH', `/domains/${id}`, { domain });
export const deleteDomain = (id: string) =>
  identity(['domain', 'project', 'user', 'group', 'role', 'role_assignment'], 'DELETE', `/domains/${id}`);

export const give = (grant: Grant) => identity(['role_assignment', 'project'], 'PUT', grantPath(grant));
export const take = (grant: Grant) => identity(['role_assignment', 'project'], 'DELETE', grantPath(grant));

export type Limits = Record<string, number>;

/** setQuotas changes limits of a project: those of compute, then those of the network. */
export async function setQuotas(project: string, compute: Limits, network: Limits): Promise<void> {
  if (Object.keys(compute).length > 0) {
    await write(['usage'], 'compute', 'PUT', `/os-quota-sets/${project}`, { quota_set: compute });
  }
  if (Object.keys(network).length > 0) {
    await write(['usage'], 'network', 'PUT', `/quotas/${project}`, { quota: network });
  }
}

export async function resetQuotas(project: string): Promise<void> {
  await write(['usage'], 'compute', 'DELETE', `/os-quota-sets/${project}`);
  try {
    await write(['usage'], 'network', 'DELETE', `/quotas/${project}`);
  } catch (error) {
    if (!isNotFound(error)) throw error; // it has the default limits already
  }
}
