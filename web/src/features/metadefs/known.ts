import { type Namespace, type PropertyType, useDefinitions } from '~/api/metadef';
import { type Known, oneOf, shaped, whole } from '~/ui/known';
import { all, maxLength, type Rule } from '~/ui/rules';

const truth = ['true', 'false'];

/** valuesOf are the only values of a property; undefined where there are too many to name. */
function valuesOf(type: PropertyType): string[] | undefined {
  if (type.type === 'boolean') return truth;
  return type.type === 'array' ? undefined : type.enum?.map(String);
}

/** ruleOf checks values of a property; expressions that this browser cannot read are the API's to check. */
export function ruleOf(type: PropertyType): Rule | undefined {
  const values = valuesOf(type);
  if (values) return oneOf(values);
  if (type.type === 'integer') return whole(type.minimum, type.maximum);
  const rules: Rule[] = type.maxLength === undefined ? [] : [maxLength(type.maxLength)];
  if (type.pattern) {
    try {
      rules.push(shaped(new RegExp(type.pattern), type.pattern));
    } catch {
      // not for this browser
    }
  }
  return rules.length > 0 ? all(...rules) : undefined;
}

const initialOf = (type: PropertyType): string =>
  type.default === undefined || typeof type.default === 'object' ? '' : String(type.default);

const known = (key: string, type: PropertyType, group: string): Known => ({
  key,
  title: type.title,
  description: type.description,
  group,
  values: valuesOf(type),
  initial: initialOf(type),
  rule: ruleOf(type),
});

/** knownOf are the keys that namespaces define, by themselves and in objects. The API gives names with their prefix. */
export const knownOf = (namespaces: Namespace[]): Known[] =>
  namespaces.flatMap((n) => {
    const group = n.display_name || n.namespace;
    const own = Object.entries(n.properties ?? {}).map(([key, type]) => known(key, type, group));
    const ofObjects = (n.objects ?? []).flatMap((o) =>
      Object.entries(o.properties ?? {}).map(([key, type]) => known(key, type, `${group}: ${o.name}`)),
    );
    return [...own, ...ofObjects];
  });

/** useKnown are the keys that are defined for a type of resource, such as OS::Glance::Image. */
export function useKnown(type: string): Known[] {
  return knownOf(useDefinitions(type).data ?? []);
}
