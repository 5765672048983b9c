import { applyMode, Mode } from '@cloudscape-design/global-styles';

const storageKey = 'wisp.theme';
export type Theme = 'light' | 'dark';
type Listener = () => void;

const listeners = new Set<Listener>();
let theme: Theme = 'light';

const media = (): MediaQueryList => window.matchMedia('(prefers-color-scheme: dark)');

function preferred(): Theme {
  const chosen = localStorage.getItem(storageKey);
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return media().matches ? 'dark' : 'light';
}

function show(next: Theme): void {
  theme = next;
  applyMode(next === 'dark' ? Mode.Dark : Mode.Light);
  document.documentElement.dataset.theme = next;
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  show(preferred());
  media().addEventListener('change', () => show(preferred()));
}

export function setTheme(next: Theme): void {
  localStorage.setItem(storageKey, next);
  show(next);
}

export const themeStore = {
  get: (): Theme => theme,
  subscribe(listener: Listener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
