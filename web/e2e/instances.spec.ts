import { expect, type Page, test } from '@playwright/test';
import { api } from './cloud';
import { dialog } from './dialogs';
import { login, prefer, visit } from './support';

const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });
const next = (page: Page) => page.getByRole('button', { name: 'Next', exact: true }).click();

async function act(page: Page, thing: string, action: string): Promise<void> {
  await page.getByRole('checkbox', { name: `Select ${thing}`, exact: true }).check({ force: true });
  await page.getByTestId('actions').first().getByRole('button').click();
  await page.getByRole('menuitem', { name: action, exact: true }).click();
}

/** until looks again and again, also where no event tells of the change. */
async function until(page: Page, name: string, status: string): Promise<void> {
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(row(page, name).getByText(status, { exact: true })).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 90_000 });
}

test.beforeEach(async ({ page, context }) => {
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
});

test('an instance, from its launch to its end', async ({ page }) => {
  test.setTimeout(300_000);
  const name = `inst-${Date.now()}`;
  const cloud = await api(page.request);
  const image = await cloud.post<{ id: string }>('/image/v2/images', {
    name: `${name}-image`,
    disk_format: 'raw',
    container_format: 'bare',
  });
  await cloud.put(`/image/v2/images/${image.id}/file`, Buffer.alloc(1024 * 1024));
  const { network } = await cloud.post<{ network: { id: string } }>('/network/v2.0/networks', {
    network: { name: `${name}-net` },
  });
  await cloud.post('/network/v2.0/subnets', {
    subnet: { network_id: network.id, cidr: '10.79.0.0/24', ip_version: 4 },
  });

  await visit(page, '/flavors');
  await page.getByTestId('create').click();
  await dialog(page).getByLabel('Name', { exact: true }).fill(`${name}-flavor`);
  await dialog(page).getByLabel('Memory, MiB').fill('0');
  await expect(dialog(page).getByText('At least 1')).toBeVisible();
  await dialog(page).getByLabel('Memory, MiB').fill('64');
  await page.getByTestId('submit').click();
  await act(page, `${name}-flavor`, 'Launch instance with it');

  await next(page);
  await expect(page.getByText('This is needed')).toBeVisible();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await next(page);
  await page.getByTestId('choice-image').getByText(`${name}-image`).click();
  await next(page);
  await expect(row(page, `${name}-flavor`).getByRole('radio')).toBeChecked();
  await next(page);
  const address = page.getByRole('textbox', { name: `Address in ${name}-net` });
  await expect(page.getByTestId('nics')).toBeVisible();
  // The only network of a project is chosen already.
  if ((await address.count()) === 0) {
    await page.getByTestId('add-network').getByRole('button').click();
    await page.getByRole('option', { name: new RegExp(`${name}-net`) }).click();
  }
  await address.fill('10.80.0.5');
  await expect(page.getByText('Must lie in 10.79.0.0/24')).toBeVisible();
  await address.fill('10.79.0.77');
  await page.getByRole('button', { name: 'Skip to: Review' }).click();
  await expect(page.getByText(`${name}-net (10.79.0.77)`)).toBeVisible();
  await page.getByRole('button', { name: 'Launch instance', exact: true }).click();
  await expect(page).toHaveURL(/\/instances$/);

  await until(page, name, 'Active');
  await expect(row(page, name)).toContainText('10.79.0.77');
  await act(page, name, 'Lock');
  await expect(row(page, name).getByLabel('Locked')).toBeVisible();
  await act(page, name, 'Unlock');
  await expect(row(page, name).getByLabel('Locked')).toBeHidden();
  await act(page, name, 'Edit tags');
  await dialog(page).getByRole('textbox').fill('a/b');
  await expect(dialog(page).getByText('No slash in a tag')).toBeVisible();
  await dialog(page).getByRole('textbox').fill('a, b');
  await page.getByTestId('submit').click();
  await expect(dialog(page)).toBeHidden();

  // Another instance cannot have the address, and the wizard says so where the address is.
  await visit(page, `/instances/launch?image=${image.id}&network=${network.id}`);
  await page.getByLabel('Name', { exact: true }).fill(`${name}-two`);
  await next(page);
  await next(page);
  await page.getByTestId('choice-flavor').getByText(`${name}-flavor`).click();
  await next(page);
  await address.fill('10.79.0.77');
  await page.getByRole('button', { name: 'Skip to: Review' }).click();
  await page.getByRole('button', { name: 'Launch instance', exact: true }).click();
  await expect(page.getByText(/10\.79\.0\.77 already allocated/).first()).toBeVisible();
  await expect(address).toHaveValue('10.79.0.77');
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByTestId('confirm').click();

  await act(page, name, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(row(page, name)).toHaveCount(0, { timeout: 1_000 });
  }).toPass({ timeout: 60_000 });

  await visit(page, '/flavors');
  await act(page, `${name}-flavor`, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(row(page, `${name}-flavor`)).toHaveCount(0);
  await cloud.remove(`/network/v2.0/networks/${network.id}`);
  await cloud.remove(`/image/v2/images/${image.id}`);
});

test('key pairs and server groups', async ({ page }) => {
  const name = `kp-${Date.now()}`;
  await visit(page, '/keypairs');
  await page.getByTestId('generate').click();
  await dialog(page).getByLabel('Name', { exact: true }).fill(name);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId('submit').click()]);
  expect(file.suggestedFilename()).toBe(`${name}.pem`);
  await page.getByTestId('key-saved').click();
  await page.getByRole('link', { name }).click();
  await expect(page.getByTestId('public-key')).toContainText('ssh-rsa ');
  await dialog(page).getByRole('button', { name: 'Close' }).last().click();
  await act(page, name, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(row(page, name)).toHaveCount(0);

  await visit(page, '/server-groups');
  await page.getByTestId('create').click();
  await dialog(page).getByLabel('Name', { exact: true }).fill(name);
  await dialog(page).getByRole('spinbutton').fill('2');
  await page.getByTestId('submit').click();
  await expect(row(page, name)).toContainText('Apart, at most 2 on a host');
  await act(page, name, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(row(page, name)).toHaveCount(0);
});
