import { expect, test } from '@playwright/test';
import { api } from './cloud';
import { dialog } from './dialogs';
import { login, prefer, visit } from './support';

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

test('an application credential does what its access rules name, and nothing else', async ({
  page,
  context,
  request,
}) => {
  test.setTimeout(300_000);
  const name = `ruled-${Date.now()}`;
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await visit(page, '/credentials');
  await page.getByTestId('create').click();
  await dialog(page).getByLabel('Name').first().fill(name);
  const rules = dialog(page).getByRole('textbox', { name: /^Allowed requests/ });
  await rules.fill('GET compute');
  await expect(
    dialog(page).getByText('Method, service and path, like GET compute /v2.1/servers', { exact: true }),
  ).toBeVisible();
  await rules.fill('GET compute /v2.1/servers');
  await page.getByTestId('submit').click();
  const secret = (await page.getByTestId('secret').textContent()) ?? '';
  const id = await dialog(page)
    .getByText(/^[0-9a-f]{32}$/)
    .first()
    .textContent();
  await page.getByTestId('kept').click();
  await expect(page.getByTestId('table-credentials').getByRole('row', { name: new RegExp(name) })).toContainText(
    'GET compute /v2.1/servers',
  );

  const answer = await request.post('/identity/v3/auth/tokens', {
    data: {
      auth: {
        identity: { methods: ['application_credential'], application_credential: { id, secret: secret.trim() } },
      },
    },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  const headers = { 'X-Auth-Token': answer.headers()['x-subject-token'] ?? '' };
  expect((await request.get('/compute/v2.1/servers', { headers })).status()).toBe(200);
  expect((await request.get('/compute/v2.1/flavors', { headers })).status()).toBe(401);

  // A rule that a credential has stays, and goes by itself once no credential has it.
  const ruled = page.getByTestId('table-access-rules').getByRole('row', { name: /GET compute \/v2\.1\/servers/ });
  await expect(ruled).toContainText(name);
  const credentials = page.getByTestId('table-credentials');
  await credentials
    .getByRole('row', { name: new RegExp(name) })
    .getByRole('checkbox')
    .check();
  await credentials.getByTestId('actions').getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByTestId('confirm').click();
  await expect(credentials).not.toContainText(name);
  await expect(ruled).not.toContainText(name);
  await ruled.getByRole('checkbox').check();
  await page.getByTestId('table-access-rules').getByTestId('actions').getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('table-access-rules')).not.toContainText('GET compute /v2.1/servers');
});
