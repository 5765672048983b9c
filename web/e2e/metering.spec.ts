import { expect, test } from '@playwright/test';
import { api } from './cloud';
import { actOn, dialog, submit } from './dialogs';
import { login, prefer, visit, watch } from './support';

test('a label with rules is made, counts, and goes', async ({ page, context }) => {
  const name = `label-${Date.now()}`;
  await prefer(context, { language: 'en', theme: 'light' });
  const wrong = watch(page);
  await login(page);
  await visit(page, '/metering');
  await page.getByTestId('create').click();
  await dialog(page).getByLabel('Name').first().fill(name);
  await submit(page);

  await page.getByTestId('add-rule').click();
  await page.getByTestId('submit').click();
  await expect(dialog(page).getByText('Give the source or the destination, or both')).toBeVisible();
  await dialog(page)
    .getByLabel(/^Destination/)
    .fill('10.0.0.0/24');
  await expect(dialog(page).getByText('Give the source or the destination, or both')).toBeHidden();
  await submit(page);
  const rules = page.getByTestId('table-metering-rules');
  await expect(rules).toContainText('10.0.0.0/24');
  await expect(page.getByText('0 B in 0 packets').first()).toBeVisible();
  await actOn(page, 'table-metering-rules', /10\.0\.0\.0\/24/, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(rules).toContainText('No rules');

  await visit(page, '/metering');
  await actOn(page, 'table-metering', new RegExp(name), 'Delete');
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('table-metering')).not.toContainText(name);
  expect(wrong).toEqual([]);
});

test('a security group and a project are tagged, and a project is made below another', async ({
  page,
  context,
  request,
}) => {
  const name = `tagged-${Date.now()}`;
  const cloud = await api(request);
  const { security_group: group } = await cloud.post<{ security_group: { id: string } }>(
    '/network/v2.0/security-groups',
    { security_group: { name } },
  );
  const { project } = await cloud.post<{ project: { id: string } }>('/identity/v3/projects', { project: { name } });
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  for (const path of [`/security-groups/${group.id}`, `/projects/${project.id}`]) {
    await visit(page, path);
    await page.getByTestId('actions').first().getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Edit tags' }).click();
    await dialog(page).getByRole('textbox').fill('blue\nweb');
    await submit(page);
    await expect(page.getByText('blue, web')).toBeVisible();
  }
  await page.getByRole('tab', { name: 'Projects below' }).click();
  await page.getByTestId('create-below').click();
  await dialog(page).getByLabel('Name').first().fill(`${name}-child`);
  await submit(page);
  await expect(page.getByTestId('table-projects-below')).toContainText(`${name}-child`);
});

test('an endpoint group is given to a project', async ({ page, context, request }) => {
  const name = `group-${Date.now()}`;
  const cloud = await api(request);
  await cloud.post('/identity/v3/projects', { project: { name } });
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await visit(page, '/catalog?tab=groups');
  await page.getByTestId('create').click();
  await dialog(page).getByLabel('Name').first().fill(name);
  await dialog(page)
    .getByRole('button', { name: /^Interface/ })
    .click();
  await page.getByRole('option', { name: 'Public' }).click();
  await submit(page);
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByTestId('give').click();
  await dialog(page)
    .getByRole('button', { name: /^Projects/ })
    .click();
  await page.getByRole('option', { name: new RegExp(name) }).click();
  await page.keyboard.press('Escape');
  await submit(page);
  await expect(page.getByTestId('table-endpoint-group-projects')).toContainText(name);
});
