import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { pages } from '../src/app/pages';
import { login, looks, prefer, settled, visit } from './support';

// What a screen reader needs and eyes that see less: names of controls, roles, contrast (WCAG 2.1 A and AA), on every page that
// the navigation leads to, in light and in dark.
const wanted = process.env.PAGES?.split(',') ?? pages.filter((p) => p.nav).map((p) => p.path);

for (const look of looks.filter((l) => l.language === 'en')) {
  test(`pages can be used by everybody, ${look.theme}`, async ({ page, context }) => {
    test.setTimeout(30_000 + wanted.length * 20_000);
    await prefer(context, look);
    const found: string[] = [];
    const violationsNow = async () => {
      const axe = new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']);
      return (await axe.analyze()).violations;
    };
    const examine = async (name: string) => {
      let violations = await violationsNow();
      if (violations.length > 0 && name !== 'log-in') {
        // An answer that came late may have been fading in. What is wrong stays wrong.
        await settled(page);
        violations = await violationsNow();
      }
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
