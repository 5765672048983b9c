import i18next from 'i18next';
import { imageAttributes } from '~/api/image';
import { all, maxLength, type Rule } from '~/ui/rules';

/** propertyName is for names of properties: those of attributes would change the image itself. */
export const propertyName: Rule = all(maxLength(255), (value) =>
  imageAttributes.has(value.trim()) ? i18next.t('images:attributeName') : undefined,
);
