import { type BrowserContext, expect, type Page } from '@playwright/test';

export const admin = {
  user: process.env.WISP_USER ?? 'admin',
  password: process.env.WISP_PASSWORD ?? '',
};

export type Look = { language: 'en' | 'zh-CN'; theme: 'light' | 'dark' };

export const looks: Look[] = [
  { language: 'en', theme: 'light' },
  { language: 'zh-CN', theme: 'light' },
  { language: 'en', theme: 'dark' },
  { language: 'zh-CN', theme: 'dark' },
];

/** prefer chooses language and theme before any page is opened. */
export async function prefer(context: BrowserContext, { language, theme }: Look): Promise<void> {
  await context.addInitScript(
    ([l, t]) => {
      localStorage.setItem('wisp.language', l as string);
      localStorage.setItem('wisp.theme', t as string);
    },
    [language, theme],
  );
}

/** watch collects what a page must never do: errors in the console, requests to other hosts, violations of its policy. */
export function watch(page: Page): string[] {
  const wrong: string[] = [];
  const own = new URL(process.env.WISP_URL ?? 'http://127.0.0.1:5000').host;
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.host !== own) wrong.push(`a request to ${request.url()}`);
  });
  return wrong;
}

export async function login(page: Page, user = admin.user, password = admin.password): Promise<void> {
  await page.goto('/');
  await page.locator('input').nth(0).fill(user);
  await page.locator('input[type=password]').fill(password);
  await page.getByTestId('login').click();
  await expect(page.locator('#header')).toBeVisible();
}

/** visit goes to another page without loading the dashboard anew, as a click in the navigation does. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
  await settled(page);
}

/** settled waits until the page shows what it asked for: nothing turns, fades or moves any more, twice in a row. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('domcontentloaded');
  await expect(page.locator('#header')).toBeVisible();
  let still = 0;
  await expect
    .poll(
      async () => {
        const turning = await page.locator('[class*="awsui_spinner"]:visible').count();
        const moving = await page.evaluate(
          () =>
            document
              .getAnimations()
              .filter(
                (a) => a.playState === 'running' && a.effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY,
              ).length,
        );
        still = turning + moving === 0 ? still + 1 : 0;
        return still;
      },
      { timeout: 20_000, intervals: [100] },
    )
    .toBeGreaterThan(2);
}
