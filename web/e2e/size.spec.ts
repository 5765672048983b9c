import { expect, type Page, test } from '@playwright/test';
import { login, settled } from './support';

/** Compressed JavaScript, in bytes, that the first page of a visit may take. */
const limit = 300_000;

/** expectSmall adds up the scripts that a page has loaded, as they go over the wire. */
async function expectSmall(name: string, page: Page): Promise<void> {
  const scripts = await page.evaluate(() =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .map((e) => ({ path: new URL(e.name).pathname, bytes: e.encodedBodySize }))
      .filter((script) => script.path.endsWith('.js'))
      .sort((a, b) => b.bytes - a.bytes),
  );
  const total = scripts.reduce((sum, script) => sum + script.bytes, 0);
  console.log(`${name}: ${scripts.length} scripts, ${total} bytes`);
  expect(scripts.length).toBeGreaterThan(0);
  expect(total, JSON.stringify(scripts.slice(0, 12), null, 1)).toBeLessThan(limit);
}

test('the first page is small, with and without a session', async ({ page, context }) => {
  await page.goto('/');
  await expect(page.getByTestId('login')).toBeVisible();
  await expectSmall('log-in', page);
  await login(page);

  const again = await context.newPage();
  await again.goto('/');
  await expect(again.getByTestId('first-steps')).toBeVisible();
  await settled(again);
  await expectSmall('overview', again);
});
