import { expect, type Page, test } from '@playwright/test';
import { accidents, api } from './cloud';
import { dialog } from './dialogs';
import { admin, login, prefer, settled, visit, watch } from './support';

/** The token that the browser holds, as the server keeps it for a reload. */
async function tokenOf(page: Page): Promise<string> {
  const kept = await page.request.get('/session', { headers: { 'X-Wisp-Session': '1' } });
  return ((await kept.json()) as { token: string }).token;
}

/** typing opens the form of a network and types a name. */
async function typing(page: Page, name: string): Promise<void> {
  await visit(page, '/networks');
  await page.getByTestId('create').click();
  await dialog(page).getByLabel('Name').first().fill(name);
  await dialog(page).getByLabel('Range (CIDR)').fill('10.78.0.0/24');
}

test.beforeEach(({ context }) => prefer(context, { language: 'en', theme: 'light' }));

test('a wrong password is said, and nothing is lost', async ({ page }) => {
  const wrong = watch(page);
  await page.goto('/');
  await page.locator('input').nth(0).fill(admin.user);
  await page.locator('input[type=password]').fill('not it');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('login-failure')).toContainText('wrong');
  await expect(page.locator('input').nth(0)).toHaveValue(admin.user);
  await page.locator('input[type=password]').fill(admin.password);
  await page.keyboard.press('Enter');
  await expect(page.locator('#header')).toBeVisible();
  expect(wrong).toEqual([]);
});

test('a reload and a second tab need no password, and leaving leaves everywhere', async ({ page, context }) => {
  await login(page);
  await page.goto('/networks');
  await settled(page);
  await expect(page.getByTestId('table-networks')).toBeVisible();
  const second = await context.newPage();
  await second.goto('/routers');
  await settled(second);
  expect(await second.evaluate(() => document.cookie)).toBe('');
  expect(await second.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain(
    await tokenOf(page),
  );
  await page
    .locator('#header')
    .getByRole('button', { name: `User ${admin.user}` })
    .click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await expect(page.getByTestId('login')).toBeVisible();
  await expect(second.getByTestId('login')).toBeVisible();
  await second.reload();
  await expect(second.getByTestId('login')).toBeVisible();
});

test('a session that ends takes nothing from a form', async ({ page }) => {
  await login(page);
  const name = `kept-${Date.now()}`;
  await typing(page, name);
  const token = await tokenOf(page);
  await page.request.delete('/identity/v3/auth/tokens', {
    headers: { 'X-Auth-Token': token, 'X-Subject-Token': token },
  });
  const ended = page.getByRole('dialog', { name: 'Your session has ended' });
  await expect(ended).toBeVisible();
  await ended.locator('input[type=password]').fill('not it');
  await page.getByTestId('renew').click();
  await expect(ended.getByTestId('login-failure')).toBeVisible();
  await ended.locator('input[type=password]').fill(admin.password);
  await page.getByTestId('renew').click();
  await expect(ended).toBeHidden();
  await expect(dialog(page).getByLabel('Name').first()).toHaveValue(name);
  await page.getByTestId('submit').click();
  await expect(page.getByRole('link', { name, exact: true })).toBeVisible();
});

test('what others change is seen within a second', async ({ page, request }) => {
  await login(page);
  await visit(page, '/networks');
  const cloud = await api(request);
  const name = `seen-${Date.now()}`;
  const { network } = await cloud.post<{ network: { id: string } }>('/network/v2.0/networks', { network: { name } });
  await expect(page.getByRole('link', { name, exact: true })).toBeVisible({ timeout: 1_000 });
  await cloud.remove(`/network/v2.0/networks/${network.id}`);
  await expect(page.getByRole('link', { name, exact: true })).toBeHidden({ timeout: 1_000 });
});

test('a cloud that dies and comes back is waited for', async ({ page }) => {
  test.skip(!accidents.possible, "the cloud is not the test's own");
  await login(page);
  const name = `survivor-${Date.now()}`;
  await typing(page, name);
  await accidents.kill();
  await expect(page.getByText('The cloud does not answer').first()).toBeVisible();
  await page.getByTestId('submit').click();
  await expect(dialog(page).getByText('That did not work')).toBeVisible();
  await expect(dialog(page).getByLabel('Name').first()).toHaveValue(name);
  await accidents.restart();
  await expect(page.getByText('The cloud does not answer')).toBeHidden({ timeout: 15_000 });
  await page.getByTestId('submit').click();
  await expect(page.getByRole('link', { name, exact: true })).toBeVisible();
});

test('S34: names are text, and the page lets nothing else in', async ({ page, request }) => {
  const wrong = watch(page);
  const cloud = await api(request);
  const name = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const { network } = await cloud.post<{ network: { id: string } }>('/network/v2.0/networks', { network: { name } });
  let alerted = false;
  page.on('dialog', async (d) => {
    alerted = true;
    await d.dismiss();
  });
  await login(page);
  await visit(page, `/networks/${network.id}`);
  await expect(page.getByRole('heading', { name })).toBeVisible();
  await visit(page, '/networks');
  await expect(page.getByRole('link', { name })).toBeVisible();
  await cloud.remove(`/network/v2.0/networks/${network.id}`);
  expect(alerted).toBe(false);
  expect(wrong).toEqual([]);

  const policy =
    (await page.request.get('/', { headers: { Accept: 'text/html' } })).headers()['content-security-policy'] ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/'unsafe-inline'|'unsafe-eval'|\*/);

  // A path that looks like another host is a path, and nobody is sent elsewhere.
  const own = new URL(process.env.WISP_URL ?? 'http://127.0.0.1:5000').origin;
  await page.goto(`${own}//evil.example/?next=//evil.example`);
  await settled(page);
  expect(new URL(page.url()).origin).toBe(own);
});
