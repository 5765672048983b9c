import { expect, type Page, test } from '@playwright/test';
import { api } from './cloud';
import { login, prefer, visit } from './support';

const dialog = (page: Page) => page.getByRole('dialog');

test('one user trusts another, who sees it, and has an EC2 key', async ({ page, context, browser, request }) => {
  test.setTimeout(300_000);
  const name = `trusted-${Date.now()}`;
  const cloud = await api(request);
  const { project } = await cloud.post<{ project: { id: string } }>('/identity/v3/projects', { project: { name } });
  const { user } = await cloud.post<{ user: { id: string } }>('/identity/v3/users', {
    user: { name, password: 'correct horse', default_project_id: project.id },
  });
  const { roles } = await cloud.get<{ roles: { id: string }[] }>('/identity/v3/roles?name=member');
  const grant = `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0]?.id}`;
  expect((await request.put(grant, { headers: { 'X-Auth-Token': cloud.token } })).ok()).toBe(true);

  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await visit(page, '/trusts');
  await page.getByTestId('create').click();
  await dialog(page)
    .getByRole('button', { name: /^Who is trusted/ })
    .click();
  await page.getByRole('option', { name: new RegExp(name) }).click();
  await dialog(page)
    .getByRole('button', { name: /^Roles/ })
    .click();
  await page.getByRole('option', { name: /member/ }).click();
  await page.keyboard.press('Escape');
  await page.getByTestId('submit').click();
  await expect(page.getByTestId('table-trusts-given')).toContainText(name);

  const second = await browser.newContext();
  await prefer(second, { language: 'en', theme: 'light' });
  const theirs = await second.newPage();
  await login(theirs, name, 'correct horse');
  await visit(theirs, '/trusts');
  await theirs.getByTestId('table-trusts-received').locator('tbody a').first().click();
  await expect(theirs.getByText(/export OS_TRUST_ID=/)).toBeVisible();
  await expect(theirs.getByText('member', { exact: true })).toBeVisible();

  await visit(theirs, '/ec2-keys');
  await theirs.getByTestId('create').click();
  await theirs.getByTestId('submit').click();
  await expect(theirs.getByText(/^aws_access_key_id = /)).toBeVisible();
  await expect(theirs.getByText(/^export EC2_SECRET_KEY=/)).toBeVisible();
  const secret = (await theirs.getByTestId('secret').textContent()) ?? '';
  expect(secret.length).toBeGreaterThan(20);
  await theirs.getByTestId('done').click();
  await expect(theirs.getByTestId('table-ec2-keys').locator('tbody tr')).toHaveCount(1);
  await second.close();

  await page
    .getByTestId('table-trusts-given')
    .getByRole('row', { name: new RegExp(name) })
    .getByRole('checkbox')
    .check();
  await page.getByTestId('table-trusts-given').getByTestId('actions').getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Revoke' }).click();
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('table-trusts-given')).not.toContainText(name);
});
