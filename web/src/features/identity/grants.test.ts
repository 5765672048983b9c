import { expect, test } from 'vitest';
import type { RoleAssignment } from '~/api/identity';
import { type Grant, grantOf, grantPath, viaOf } from './grants';

const base = 'http://127.0.0.1:5000/identity/v3';
const links = { assignment: `${base}/projects/p/users/u/roles/r` };

const cases: [string, Grant, Partial<RoleAssignment>][] = [
  [
    '/projects/p/users/u/roles/r',
    { actor: { kind: 'user', id: 'u' }, target: { kind: 'project', id: 'p' }, role: 'r', inherited: false },
    { user: { id: 'u' }, scope: { project: { id: 'p' } } },
  ],
  [
    '/domains/d/groups/g/roles/r',
    { actor: { kind: 'group', id: 'g' }, target: { kind: 'domain', id: 'd' }, role: 'r', inherited: false },
    { group: { id: 'g' }, scope: { domain: { id: 'd' } } },
  ],
  [
    '/OS-INHERIT/domains/d/users/u/roles/r/inherited_to_projects',
    { actor: { kind: 'user', id: 'u' }, target: { kind: 'domain', id: 'd' }, role: 'r', inherited: true },
    { user: { id: 'u' }, scope: { domain: { id: 'd' }, 'OS-INHERIT:inherited_to': 'projects' } },
  ],
  [
    '/system/groups/g/roles/r',
    { actor: { kind: 'group', id: 'g' }, target: { kind: 'system' }, role: 'r', inherited: false },
    { group: { id: 'g' }, scope: { system: { all: true } } },
  ],
];

test.each(cases)('%s', (path, grant, assignment) => {
  expect(grantPath(grant)).toBe(path);
  expect(grantOf({ role: { id: 'r' }, links, scope: {}, ...assignment })).toEqual(grant);
});

test('nothing is inherited from the system', () => {
  expect(grantPath({ actor: { kind: 'user', id: 'u' }, target: { kind: 'system' }, role: 'r', inherited: true })).toBe(
    '/system/users/u/roles/r',
  );
});

test('where an effective assignment comes from', () => {
  const a: RoleAssignment = { role: { id: 'reader' }, user: { id: 'u' }, scope: { project: { id: 'p' } }, links };
  expect(viaOf(a)).toEqual({ inherited: false });
  expect(
    viaOf({
      ...a,
      links: {
        assignment: `${base}/OS-INHERIT/domains/d/groups/g/roles/member/inherited_to_projects`,
        membership: `${base}/groups/g/users/u`,
        prior_role: `${base}/roles/member/implies/reader`,
      },
    }),
  ).toEqual({ group: 'g', role: 'member', inherited: true });
});
