import i18next, { type BackendModule } from 'i18next';
import { initReactI18next } from 'react-i18next';

export const languages = { en: 'English', 'zh-CN': '简体中文' } as const;
export type Language = keyof typeof languages;

const storageKey = 'wisp.language';

// The words of a namespace lie beside the pages that use them, and are fetched with them.
const shared = import.meta.glob<{ default: object }>('../locales/*.json');
const features = import.meta.glob<{ default: object }>('../features/*/*.json');

const backend: BackendModule = {
  type: 'backend',
  init() {},
  read(language, namespace, done) {
    const load =
      namespace === 'common'
        ? shared[`../locales/${language}.json`]
        : features[`../features/${namespace}/${language}.json`];
    if (!load) {
      done(new Error(`there are no words for ${namespace} in ${language}`), null);
      return;
    }
    load().then(
      (module) => done(null, module.default),
      (error) => done(error as Error, null),
    );
  },
};

/** The language that was chosen here before, else the browser's. */
export function preferredLanguage(): Language {
  const chosen = localStorage.getItem(storageKey);
  if (chosen && chosen in languages) return chosen as Language;
  return navigator.languages.some((l) => l.toLowerCase().startsWith('zh')) &&
    !navigator.languages[0]?.toLowerCase().startsWith('en')
    ? 'zh-CN'
    : 'en';
}

export async function startI18n(): Promise<void> {
  await i18next
    .use(backend)
    .use(initReactI18next)
    .init({
      lng: preferredLanguage(),
      fallbackLng: false,
      supportedLngs: Object.keys(languages),
      load: 'currentOnly',
      showSupportNotice: false,
      ns: ['common'],
      defaultNS: 'common',
      interpolation: { escapeValue: false }, // React escapes
      react: { useSuspense: true },
    });
  document.documentElement.lang = i18next.language;
}

export async function setLanguage(language: Language): Promise<void> {
  localStorage.setItem(storageKey, language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}
