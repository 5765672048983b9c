import { gzipSync } from 'node:zlib';
import { expect, type Response, test } from '@playwright/test';
import { login } from './support';

/** Compressed JavaScript, in bytes, that a browser may have to load before it shows the overview: log-in, shell and page. */
const limit = 300 * 1024;

/** sizeOf is what went over the wire; where the server does not compress (a preview), what gzip would make of it. */
async function sizeOf(response: Response): Promise<number> {
  if (response.headers()['content-encoding']) return (await response.request().sizes()).responseBodySize;
  return gzipSync(await response.body(), { level: 9 }).length;
}

test('what everybody loads first stays small', async ({ page }) => {
  const scripts: Promise<[string, number]>[] = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith('.js')) scripts.push(sizeOf(response).then((size) => [pathname, size]));
  });
  await login(page);
  await expect(page.getByTestId('first-steps')).toBeVisible();
  await page.waitForLoadState('networkidle');
  const sizes = await Promise.all(scripts);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  const largest = sizes
    .sort((a, b) => b[1] - a[1])
    .slice(0, 12)
    .map(([name, size]) => `${name} ${size}`);
  console.log(`${sizes.length} scripts, ${total} bytes\n${largest.join('\n')}`);
  expect(sizes.length).toBeGreaterThan(0);
  expect(total, largest.join('\n')).toBeLessThan(limit);
});
