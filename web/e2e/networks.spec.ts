import { expect, type Page, test } from '@playwright/test';
import { dialog, opening, submit } from './dialogs';
import { login, prefer, visit } from './support';

/** act chooses from the menu of actions of a page or of a list on it. */
async function act(page: Page, name: string, menu = page.getByTestId('actions').first()): Promise<void> {
  await menu.getByRole('button').click();
  await page.getByRole('menuitem', { name, exact: true }).click();
}

test.beforeEach(async ({ page, context }) => {
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
});

test('a network, its subnets, a port and a router', async ({ page }) => {
  const name = `net-${Date.now()}`;
  await visit(page, '/networks');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(name);
  await dialog(page).getByLabel('Range (CIDR)').fill('10.77.0.9/24');
  await expect(dialog(page).getByText('The range is written 10.77.0.0/24')).toBeVisible();
  await dialog(page).getByLabel('Range (CIDR)').fill('10.77.0.0/24');
  await submit(page);

  await page.getByRole('link', { name, exact: true }).click();
  await expect(page.getByTestId('table-subnets')).toContainText('10.77.0.0/24');
  await opening(page, 'add-subnet');
  await dialog(page).getByLabel('Range (CIDR)').fill('10.77.0.128/25');
  await expect(dialog(page).getByText(/Overlaps with/)).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();

  await page.getByRole('tab', { name: 'Ports' }).click();
  await opening(page, 'add-port');
  await dialog(page).getByLabel('Name').first().fill(`${name}-port`);
  await submit(page);
  await expect(page.getByTestId('table-ports')).toContainText(`${name}-port`);

  await visit(page, '/routers');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(`${name}-router`);
  await submit(page);
  await page.getByRole('link', { name: `${name}-router` }).click();
  await opening(page, 'add-interface');
  await dialog(page)
    .getByRole('button', { name: /^Subnet/ })
    .click();
  // Other networks of the project may have the same range: the one below the name of this network is meant.
  await page.keyboard.type('10.77');
  await page
    .getByRole('option', { name: /10\.77\.0\.0/ })
    .last()
    .click();
  await submit(page);
  await expect(page.getByTestId('table-router-interfaces')).toContainText('10.77.0.1');

  // What is in the way is said before it is asked for, and by the API after.
  await act(page, 'Delete');
  await expect(dialog(page).getByText(/remove these interfaces first/)).toBeVisible();
  await page.getByTestId('confirm').click();
  await expect(page.getByText(/has ports still attached/)).toBeVisible();

  await page.getByTestId('table-router-interfaces').getByRole('checkbox').nth(1).check();
  await act(page, 'Remove interface', page.getByTestId('table-router-interfaces').getByTestId('actions'));
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('table-router-interfaces')).toContainText('No interfaces');
  await act(page, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(page).toHaveURL(/\/routers$/);

  await visit(page, '/networks');
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('tab', { name: 'Ports' }).click();
  await page
    .getByTestId('table-ports')
    .getByRole('row', { name: new RegExp(`${name}-port`) })
    .getByRole('checkbox')
    .check();
  await act(page, 'Delete', page.getByTestId('table-ports').getByTestId('actions'));
  await page.getByTestId('confirm').click();
  await expect(page.getByTestId('table-ports')).not.toContainText(`${name}-port`);
  await act(page, 'Delete');
  await expect(dialog(page).getByText('These subnets go with it:')).toBeVisible();
  await page.getByTestId('confirm').click();
  await expect(page).toHaveURL(/\/networks$/);
});

test('a security group and its rules', async ({ page }) => {
  const name = `group-${Date.now()}`;
  await visit(page, '/security-groups');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').fill(name);
  await submit(page);

  const add = async (...kinds: RegExp[]) => {
    await opening(page, 'add-rules');
    await dialog(page)
      .getByRole('button', { name: /^Traffic/ })
      .click();
    for (const kind of kinds) await page.getByRole('option', { name: kind }).click();
    await page.keyboard.press('Tab');
  };
  await add(/^SSH/, /^Ping/, /^All TCP/);
  await expect(dialog(page).getByText('This lets everybody in')).toBeVisible();
  await submit(page);
  await expect(page.getByTestId('table-rules')).toContainText('22 (SSH)');
  await expect(page.getByText('Open to everybody').first()).toBeVisible();

  await add(/^SSH/);
  await page.getByTestId('submit').click();
  await expect(dialog(page).getByText(/This rule is there already/)).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();

  await act(page, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(page).toHaveURL(/\/security-groups$/);
});
