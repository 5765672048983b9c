import { useEffect } from 'react';
import type { FieldPath, FieldValues, UseFormReturn } from 'react-hook-form';

/** useRecheck checks fields again when something that their rules depend on has changed. Fields that are empty wait. */
export function useRecheck<T extends FieldValues>(
  form: UseFormReturn<T>,
  names: FieldPath<T>[],
  dependsOn: unknown[],
): void {
  const key = JSON.stringify(dependsOn);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the fields are checked when what they depend on changes
  useEffect(() => {
    const filled = names.filter((name) => form.getValues(name));
    if (filled.length > 0) void form.trigger(filled);
  }, [key]);
}
