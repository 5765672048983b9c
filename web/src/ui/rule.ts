import i18next from 'i18next';

/** A rule looks at what was typed, and gives undefined or what is wrong with it, in words. Empty input is for `required`. */
export type Rule = (value: string) => string | undefined;

export const say = (key: string, values?: object): string => i18next.t(`rules.${key}`, { ...values });

export const required: Rule = (value) => (value.trim() ? undefined : say('required'));

/** all gives the first complaint of several rules. */
export const all =
  (...rules: Rule[]): Rule =>
  (value) => {
    for (const rule of rules) {
      const wrong = rule(value);
      if (wrong) return wrong;
    }
    return undefined;
  };
