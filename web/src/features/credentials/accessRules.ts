import type { ApplicationCredential } from '~/api/identity';
import { type Rule, say } from '~/ui/rules';
import { linesOf } from '~/ui/subnetRules';

/** A request that an application credential may make. */
export interface AccessRule {
  id?: string;
  service: string;
  method: string;
  path: string;
}

const form = /^(GET|HEAD|POST|PUT|PATCH|DELETE)\s+(\S+)\s+(\/\S*)$/;

/** parseRules reads rules, one on a line: method, type of the service, path. */
export const parseRules = (text: string): AccessRule[] =>
  linesOf(text).flatMap((line) => {
    const [, method, service, path] = form.exec(line) ?? [];
    return method && service && path ? [{ method, service, path }] : [];
  });

export const writeRule = ({ method, service, path }: AccessRule): string => `${method} ${service} ${path}`;

export const accessRules: Rule = (value) => {
  for (const line of linesOf(value)) if (!form.test(line)) return say('accessRule');
  return undefined;
};

/** usersOf are the names of the credentials that have a rule: as long as there are some, it cannot be deleted. */
export const usersOf = (rule: { id: string }, credentials: ApplicationCredential[]): string[] =>
  credentials.filter((c) => c.access_rules?.some((r) => r.id === rule.id)).map((c) => c.name);
