import { mkdirSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { pages } from '../src/app/pages';
import { login, looks, prefer, visit, watch } from './support';

// A picture of every page that the navigation leads to, in both languages, light and dark, for people to look at; and what no
// page may do. PAGES=/path,/other narrows it to these pages, which may be pages of single things too.
const wanted = process.env.PAGES?.split(',') ?? pages.filter((p) => p.nav).map((p) => p.path);
const folder = process.env.SCREENSHOTS ?? 'screenshots';

for (const look of looks) {
  test(`pages in ${look.language}, ${look.theme}`, async ({ page, context }) => {
    test.setTimeout(30_000 + wanted.length * 15_000);
    mkdirSync(folder, { recursive: true });
    await prefer(context, look);
    const wrong = watch(page);
    await login(page);
    for (const path of wanted) {
      await visit(page, path);
      const text = await page.locator('body').textContent();
      expect(text, path).not.toMatch(/undefined|\[object Object\]|NaN|nav\.items\./);
      await expect(
        page.getByRole('navigation').getByRole('link', { name: 'wisp' }),
        `${path} says where it is`,
      ).toBeVisible();
      await expect(page.locator('#header ~ * nav a[href="/networks"]').first(), 'the navigation is open').toBeVisible();
      const cut = await page
        .locator('[class*="header-cell-text"]')
        .evaluateAll((all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent));
      expect(cut, `${path} shows its headers whole`).toEqual([]);
      const name = path === '/' ? 'overview' : path.slice(1).replaceAll('/', '_');
      await picture(page, `${folder}/${name}.${look.language}.${look.theme}.png`);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
      );
      expect(wide, `${path} is wider than the window`).toBe(false);
    }
    expect(wrong).toEqual([]);
  });
}

/** picture takes the whole page. The window is made as high as the page: what the browser does by itself for that narrows it for a moment. */
async function picture(page: Page, path: string): Promise<void> {
  const { width, height } = page.viewportSize() ?? { width: 1440, height: 900 };
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.max(height, whole) });
  await page.screenshot({ path });
  await page.setViewportSize({ width, height });
}
