import type { Plugin } from 'vite';

/**
 * The application layout can show a drawer with news about features, which only a plugin of the consoles that it was made for
 * opens. That drawer alone would bring drag and drop of lists, 18 kB, into the first page: without it, it is gone.
 */
export function noNewsDrawer(): Plugin {
  const drawer = /app-layout\/visual-refresh-toolbar\/drawer\/feature-notifications-drawer-content\.js$/;
  let met = false;
  return {
    name: 'no-news-drawer',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      if (!drawer.test(id)) return undefined;
      met = true;
      return 'const none = () => null; export { none as default, none as RuntimeContentPart };';
    },
    buildEnd(error) {
      if (!error && !met) this.error('the application layout has changed: see whether newsdrawer.ts is still needed');
    },
  };
}
