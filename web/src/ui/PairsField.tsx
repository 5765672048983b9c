import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { type Control, type FieldPathByValue, type FieldValues, useController } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Known } from './known';
import { all, type Rule, required } from './rules';

export interface Pair {
  key: string;
  value: string;
}

export const pairsOf = (record: Record<string, string>): Pair[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

export const recordOf = (pairs: Pair[]): Record<string, string> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key.trim(), value]));

/** pairsChange is what makes one record of another: values that differ, and null for what is gone. */
export function pairsChange(before: Record<string, string>, after: Pair[]): Record<string, string | null> {
  const wanted = recordOf(after);
  const change: Record<string, string | null> = {};
  for (const key of Object.keys(before)) if (!(key in wanted)) change[key] = null;
  for (const [key, value] of Object.entries(wanted)) if (before[key] !== value) change[key] = value;
  return change;
}

interface Props<T extends FieldValues> {
  control: Control<T>;
  name: FieldPathByValue<T, Pair[]>;
  label: ReactNode;
  empty: string;
  addLabel: string;
  keyRule?: Rule;
  valueRule?: Rule;
  /** Keys that mean something: they can be chosen, say what they are, and check their values. */
  known?: Known[];
}

/** groupsOf are the keys that are not there yet, by what they belong to. */
function groupsOf(known: Known[], pairs: Pair[]) {
  const groups = new Map<string, Known[]>();
  for (const one of known) {
    if (pairs.some((p) => p.key.trim() === one.key)) continue;
    groups.set(one.group ?? '', [...(groups.get(one.group ?? '') ?? []), one]);
  }
  return [...groups].map(([label, all]) => ({
    label,
    options: all.map((k) => ({
      value: k.key,
      label: k.key,
      description: k.title,
      filteringTags: [k.description ?? ''],
    })),
  }));
}

/** Keys with values, each key once. */
export function PairsField<T extends FieldValues>({ control, name, label, empty, addLabel, ...rules }: Props<T>) {
  const { t } = useTranslation();
  const keyProblem = (pairs: Pair[], at: number): string | undefined => {
    const key = pairs[at]?.key ?? '';
    const wrong = all(required, ...(rules.keyRule ? [rules.keyRule] : []))(key);
    if (wrong) return wrong;
    return pairs.some((p, i) => i < at && p.key.trim() === key.trim()) ? t('rules.twice') : undefined;
  };
  const known = (key: string) => rules.known?.find((k) => k.key === key.trim());
  const valueProblem = ({ key, value }: Pair): string | undefined =>
    known(key)?.rule?.(value) ?? rules.valueRule?.(value);
  const { field } = useController({
    control,
    name,
    rules: {
      validate: (pairs: Pair[]) =>
        pairs.every((p, i) => keyProblem(pairs, i) === undefined && valueProblem(p) === undefined),
    },
  });
  const pairs = field.value as Pair[];
  const change = (at: number, part: Partial<Pair>) =>
    field.onChange(pairs.map((p, i) => (i === at ? { ...p, ...part } : p)));
  const editor = (
    <AttributeEditor
      items={pairs}
      empty={empty}
      addButtonText={addLabel}
      removeButtonText={t('remove')}
      removeButtonAriaLabel={(p) => t('removeItem', { name: p.key })}
      onAddButtonClick={() => field.onChange([...pairs, { key: '', value: '' }])}
      onRemoveButtonClick={({ detail }) => field.onChange(pairs.filter((_, i) => i !== detail.itemIndex))}
      definition={[
        {
          label: t('key'),
          control: (p, i) => (
            <Input
              value={p.key}
              spellcheck={false}
              onChange={({ detail }) => change(i, { key: detail.value })}
              onBlur={field.onBlur}
            />
          ),
          errorText: (_, i) => keyProblem(pairs, i),
          constraintText: (p) => known(p.key)?.description ?? known(p.key)?.title,
        },
        {
          label: t('value'),
          control: (p, i) => {
            const values = known(p.key)?.values;
            return values ? (
              <Select
                selectedOption={p.value ? { value: p.value } : null}
                options={values.map((value) => ({ value }))}
                placeholder={t('choose')}
                ariaLabel={t('valueOf', { key: p.key })}
                onChange={({ detail }) => change(i, { value: detail.selectedOption.value ?? '' })}
                onBlur={field.onBlur}
              />
            ) : (
              <Input
                value={p.value}
                spellcheck={false}
                onChange={({ detail }) => change(i, { value: detail.value })}
                onBlur={field.onBlur}
              />
            );
          },
          errorText: (p) => valueProblem(p),
        },
      ]}
    />
  );
  const groups = groupsOf(rules.known ?? [], pairs);
  return (
    <FormField label={label} stretch>
      {groups.length === 0 ? (
        editor
      ) : (
        <SpaceBetween size="s">
          {editor}
          <Select
            data-testid="known-keys"
            selectedOption={null}
            options={groups}
            placeholder={t('knownKey')}
            ariaLabel={t('knownKey')}
            filteringType="auto"
            filteringPlaceholder={t('filter')}
            filteringAriaLabel={t('filter')}
            empty={t('nothingHere')}
            onChange={({ detail }) => {
              const key = detail.selectedOption.value ?? '';
              field.onChange([...pairs, { key, value: known(key)?.initial ?? '' }]);
            }}
          />
        </SpaceBetween>
      )}
    </FormField>
  );
}
