import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import common from '~/locales/en.json';

/** startWords lets tests see the English words, the common ones and those of a feature. */
export async function startWords(namespace?: string, words: object = {}): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    ns: ['common'],
    defaultNS: 'common',
    resources: { en: { common, ...(namespace && { [namespace]: words }) } },
    interpolation: { escapeValue: false },
  });
}
