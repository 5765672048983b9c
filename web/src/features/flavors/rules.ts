import i18next from 'i18next';
import { maxLength, type Rule, wholeNumber } from '~/ui/rules';

// The Compute API's rules for flavors.

const most = 2_147_483_647;
const words = (key: string): string => i18next.t(`flavors:rules.${key}`);

export const nameRule: Rule = (value) =>
  maxLength(255)(value.trim()) ?? (/[\p{C}\p{Zl}\p{Zp}]/u.test(value) ? words('printable') : undefined);

/** Unlike names, ids are ASCII, and begin and end with no space. */
export const idRule: Rule = (value) => {
  if (!value.trim()) return undefined;
  const form = /^[a-zA-Z0-9._-]([a-zA-Z0-9. _-]*[a-zA-Z0-9._-])?$/;
  return maxLength(255)(value.trim()) ?? (form.test(value.trim()) ? undefined : words('id'));
};

export const descriptionRule: Rule = (value) =>
  maxLength(65_535)(value) ?? (/[\p{C}\p{Zl}\p{Zp}]/u.test(value) ? words('printable') : undefined);

export const atLeastOne = wholeNumber(1, most);
export const atLeastNone = wholeNumber(0, most);

export const specKey: Rule = (value) =>
  /^[a-zA-Z0-9\-_:. ]{1,255}$/.test(value.trim()) ? undefined : words('specKey');
export const specValue = maxLength(255);
