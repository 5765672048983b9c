import { type APIRequestContext, expect, test } from '@playwright/test';
import { api } from './cloud';
import { choose, dialog, opening, submit } from './dialogs';
import { login, prefer, visit } from './support';

/** another makes a project, and a user of it, who has its name. */
async function another(request: APIRequestContext, name: string): Promise<void> {
  const cloud = await api(request);
  const { project } = await cloud.post<{ project: { id: string } }>('/identity/v3/projects', { project: { name } });
  const { user } = await cloud.post<{ user: { id: string } }>('/identity/v3/users', {
    user: { name, password: 'correct horse', default_project_id: project.id },
  });
  const { roles } = await cloud.get<{ roles: { id: string }[] }>('/identity/v3/roles?name=member');
  const grant = `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0]?.id}`;
  expect((await request.put(grant, { headers: { 'X-Auth-Token': cloud.token } })).ok()).toBe(true);
}

test('a network from a subnet pool is shared, and the other project uses it', async ({
  page,
  context,
  browser,
  request,
}) => {
  test.setTimeout(300_000);
  const name = `pool-${Date.now()}`;
  await another(request, name);

  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await visit(page, '/subnet-pools');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(name);
  await dialog(page).getByLabel('Ranges').fill('10.91.0.1/16');
  await expect(dialog(page).getByText('The range is written 10.91.0.0/16')).toBeVisible();
  await dialog(page).getByLabel('Ranges').fill('10.91.0.0/16');
  await dialog(page)
    .getByLabel(/^Usual prefix length/)
    .fill('26');
  await submit(page);
  await expect(page.getByTestId('table-subnetpools')).toContainText('10.91.0.0/16');

  await visit(page, '/networks');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(name);
  await choose(page, /^Where the range comes from/, /subnet pool/);
  await choose(page, /^Subnet pool/, new RegExp(name));
  await expect(dialog(page).getByText('Empty: /26')).toBeVisible();
  await submit(page);
  await page.getByRole('link', { name, exact: true }).click();
  await expect(page.getByTestId('table-subnets')).toContainText('10.91.0.0/26');

  await page.getByRole('tab', { name: 'Sharing' }).click();
  await opening(page, 'share');
  await choose(page, /^Project/, new RegExp(name));
  await submit(page);
  await expect(page.getByTestId('table-sharing-of')).toContainText(name);
  await visit(page, '/sharing');
  await expect(page.getByTestId('table-sharing')).toContainText(name);

  const second = await browser.newContext();
  await prefer(second, { language: 'en', theme: 'light' });
  const theirs = await second.newPage();
  await login(theirs, name, 'correct horse');
  await visit(theirs, '/sharing');
  await expect(theirs.getByTestId('table-sharing-received')).toContainText(name);
  await theirs.getByTestId('table-sharing-received').getByRole('link', { name, exact: true }).click();
  await theirs.getByRole('tab', { name: 'Ports' }).click();
  await opening(theirs, 'add-port');
  await dialog(theirs).getByLabel('Name').first().fill(`${name}-port`);
  await submit(theirs);
  await expect(theirs.getByTestId('table-ports')).toContainText(`${name}-port`);
  await second.close();

  // What is used can be taken from nobody.
  await visit(page, '/sharing');
  await page
    .getByTestId('table-sharing')
    .getByRole('row', { name: new RegExp(name) })
    .getByRole('checkbox')
    .check();
  await page.getByTestId('table-sharing').getByTestId('actions').getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Stop sharing' }).click();
  await page.getByTestId('confirm').click();
  await expect(page.getByText(/Stop sharing failed/)).toBeVisible();
});

test('a network is shared with all projects, and taken back', async ({ page, context, browser, request }) => {
  test.setTimeout(300_000);
  const name = `shared-${Date.now()}`;
  await another(request, name);

  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await visit(page, '/networks');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(name);
  await dialog(page).getByLabel('Range (CIDR)').fill('10.92.0.0/24');
  await submit(page);
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('tab', { name: 'Sharing' }).click();
  await expect(page.getByTestId('table-sharing-of')).toContainText('Shared with nobody');
  await opening(page, 'share');
  await dialog(page)
    .getByRole('radio', { name: /^All projects/ })
    .check({ force: true });
  await submit(page);
  await expect(page.getByTestId('table-sharing-of')).toContainText('All projects');

  const second = await browser.newContext();
  await prefer(second, { language: 'en', theme: 'light' });
  const theirs = await second.newPage();
  await login(theirs, name, 'correct horse');
  await visit(theirs, '/networks');
  await theirs.getByRole('link', { name, exact: true }).click();
  await expect(theirs.getByTestId('table-subnets')).toContainText('10.92.0.0/24');
  // Who does not own it shares it with nobody.
  await expect(theirs.getByRole('tab', { name: 'Ports' })).toBeVisible();
  await expect(theirs.getByRole('tab', { name: 'Sharing' })).toHaveCount(0);
  await visit(theirs, '/networks');
  await expect(theirs.getByRole('link', { name, exact: true })).toBeVisible();

  const list = page.getByTestId('table-sharing-of');
  await list
    .getByRole('row', { name: /All projects/ })
    .getByRole('checkbox')
    .check();
  await list.getByTestId('actions').getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Stop sharing' }).click();
  await page.getByTestId('confirm').click();
  await expect(list).toContainText('Shared with nobody');
  await visit(theirs, '/networks');
  await theirs.reload();
  await expect(theirs.getByTestId('table-networks')).toBeVisible();
  await expect(theirs.getByRole('link', { name, exact: true })).toHaveCount(0);
  await second.close();
});
