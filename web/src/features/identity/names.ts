import { useDomains, useGroups, useProjects, useRoles, useUsers } from '~/api/identity';

const lookup = (items: { id: string; name: string }[] | undefined) => {
  const names = new Map(items?.map((item) => [item.id, item.name]));
  return (id: string | null | undefined): string => (id ? (names.get(id) ?? id) : '–');
};

/** These give the name of a thing by its id, and the id while the name is not known. */
export const useDomainName = () => lookup(useDomains().data);
export const useProjectName = () => lookup(useProjects().data);
export const useUserName = () => lookup(useUsers().data);
export const useGroupName = () => lookup(useGroups().data);
export const useRoleName = () => lookup(useRoles().data);
