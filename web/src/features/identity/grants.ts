import type { RoleAssignment } from '~/api/identity';

/** A role that is given to a user or a group on a project, a domain or the whole system. */
export interface Grant {
  actor: { kind: 'user' | 'group'; id: string };
  target: { kind: 'project' | 'domain'; id: string } | { kind: 'system' };
  role: string;
  /** Holds for the projects below the target instead of the target itself. */
  inherited: boolean;
}

/** grantPath is where the Identity API gives, checks and takes a grant. */
export function grantPath({ actor, target, role, inherited }: Grant): string {
  const on = target.kind === 'system' ? '/system' : `/${target.kind}s/${target.id}`;
  const path = `${on}/${actor.kind}s/${actor.id}/roles/${role}`;
  return inherited && target.kind !== 'system' ? `/OS-INHERIT${path}/inherited_to_projects` : path;
}

export function grantOf(a: RoleAssignment): Grant {
  const { project, domain } = a.scope;
  return {
    actor: a.user ? { kind: 'user', id: a.user.id } : { kind: 'group', id: a.group?.id ?? '' },
    target: project
      ? { kind: 'project', id: project.id }
      : domain
        ? { kind: 'domain', id: domain.id }
        : { kind: 'system' },
    role: a.role.id,
    inherited: a.scope['OS-INHERIT:inherited_to'] === 'projects',
  };
}

/** By what an effective assignment came about, beside being given directly: ids of a group and of the role that implies it. */
export interface Via {
  group?: string;
  role?: string;
  inherited: boolean;
}

export function viaOf({ links }: RoleAssignment): Via {
  return {
    group: /\/groups\/([^/]+)\/users\//.exec(links.membership ?? '')?.[1],
    role: /\/roles\/([^/]+)\/implies\//.exec(links.prior_role ?? '')?.[1],
    inherited: links.assignment.includes('/OS-INHERIT/'),
  };
}
