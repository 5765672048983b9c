import type { UseFormReturn } from 'react-hook-form';
import type { LaunchData } from './useLaunchData';
import type { LaunchValues } from './values';

/** What every step of the wizard gets. */
export interface StepProps {
  form: UseFormReturn<LaunchValues>;
  values: LaunchValues;
  data: LaunchData;
  /** What is wrong with a field, once somebody tried to go on. */
  problem(field: keyof LaunchValues): string | undefined;
  /** set changes a value that is chosen, not typed. */
  set<K extends keyof LaunchValues>(field: K, value: LaunchValues[K]): void;
}
