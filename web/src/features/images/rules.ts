import i18next from 'i18next';
import { attributes } from '~/api/image';
import { maxLength, type Rule } from '~/ui/rules';

/** propertyKey checks the name of a property: as the API has them, properties stand beside the attributes of the image. */
export const propertyKey: Rule = (value) => {
  const key = value.trim();
  return (
    maxLength(255)(key) ??
    (attributes.has(key) || key.startsWith('os_glance') ? i18next.t('images:rules.attribute') : undefined)
  );
};
