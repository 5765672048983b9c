import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { pages } from '../src/app/pages';
import { login, looks, prefer, visit } from './support';

// What a screen reader needs and eyes that see less: names of controls, roles, contrast (WCAG 2.1 A and AA), on every page that
// the navigation leads to, in light and in dark.
const wanted = process.env.PAGES?.split(',') ?? pages.filter((p) => p.nav).map((p) => p.path);

for (const look of looks.filter((l) => l.language === 'en')) {
  test(`pages can be used by everybody, ${look.theme}`, async ({ page, context }) => {
    test.setTimeout(30_000 + wanted.length * 20_000);
    await prefer(context, look);
    const found: string[] = [];
    const examine = async (name: string) => {
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
        .analyze();
      for (const v of violations) {
        found.push(
          `${name}: ${v.id} (${v.impact}): ${v.help}: ${v.nodes
            .map((n) => n.html.slice(0, 200))
            .slice(0, 3)
            .join(' | ')}`,
        );
      }
    };
    await page.goto('/');
    await expect(page.getByTestId('login')).toBeVisible();
    await examine('log-in');
    await login(page);
    for (const path of wanted) {
      await visit(page, path);
      await examine(path);
    }
    expect(found).toEqual([]);
  });
}
