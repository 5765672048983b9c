import type { PropertyType } from '~/api/metadef';

/** What a dialog asks about a property. Numbers are text, and '' is none. */
export interface PropertyValues {
  name: string;
  title: string;
  description: string;
  type: PropertyType['type'];
  values: string;
  initial: string;
  minimum: string;
  maximum: string;
  pattern: string;
}

/** linesOf are the values that stand one on a line. */
export const linesOf = (text: string): string[] => [
  ...new Set(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean),
  ),
];

export const valuesOf = (name: string, p?: PropertyType): PropertyValues => ({
  name,
  title: p?.title ?? '',
  description: p?.description ?? '',
  type: p?.type ?? 'string',
  values: (p?.enum ?? p?.items?.enum ?? []).join('\n'),
  initial: p?.default === undefined || typeof p.default === 'object' ? '' : String(p.default),
  minimum: p?.minimum === undefined ? '' : String(p.minimum),
  maximum: p?.maximum === undefined ? '' : String(p.maximum),
  pattern: p?.pattern ?? '',
});

function initialOf({ type, initial }: PropertyValues): unknown {
  const text = initial.trim();
  if (!text || type === 'array') return undefined;
  if (type === 'boolean') return text === 'true';
  return type === 'string' ? text : Number(text);
}

/** propertyOf is the property that was asked for; what the dialog does not ask about stays as it was. */
export function propertyOf(v: PropertyValues, before?: PropertyType): PropertyType & { name: string } {
  const asked = ['enum', 'default', 'minimum', 'maximum', 'pattern', 'items'];
  const rest = Object.fromEntries(Object.entries(before ?? {}).filter(([key]) => !asked.includes(key)));
  const numeric = v.type === 'integer' || v.type === 'number';
  const values = linesOf(v.values);
  const initial = initialOf(v);
  return {
    ...rest,
    name: v.name.trim(),
    title: v.title.trim(),
    type: v.type,
    description: v.description.trim(),
    ...(v.type === 'string' && values.length > 0 && { enum: values }),
    ...(v.type === 'array' && { items: { type: 'string', ...(values.length > 0 && { enum: values }) } }),
    ...(initial !== undefined && { default: initial }),
    ...(numeric && v.minimum.trim() && { minimum: Number(v.minimum) }),
    ...(numeric && v.maximum.trim() && { maximum: Number(v.maximum) }),
    ...(v.type === 'string' && v.pattern.trim() && { pattern: v.pattern.trim() }),
  };
}
