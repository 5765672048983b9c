import i18next from 'i18next';
import type { Rule } from './rules';
import { wholeNumber } from './rules';

/** A key that means something to the cloud, for a field of keys and values. */
export interface Known {
  key: string;
  /** What it is called, and what it does. */
  title?: string;
  description?: string;
  /** What it belongs to, for the list to choose from. */
  group?: string;
  /** The only values that it can have. */
  values?: string[];
  /** The value that it begins with. */
  initial?: string;
  rule?: Rule;
}

export const oneOf =
  (values: string[]): Rule =>
  (value) =>
    values.includes(value) ? undefined : i18next.t('rules.oneOf', { list: values.join(', ') });

export const whole =
  (min?: number, max?: number): Rule =>
  (value) =>
    value === '' ? i18next.t('rules.required') : wholeNumber(min ?? Number.MIN_SAFE_INTEGER, max)(value);

/** shaped checks a whole value against a regular expression. */
export const shaped =
  (form: RegExp, example: string): Rule =>
  (value) =>
    form.test(value) ? undefined : i18next.t('rules.like', { example });
