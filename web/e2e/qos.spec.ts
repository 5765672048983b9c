import { expect, type Page, test } from '@playwright/test';
import { actOn, choose, dialog, opening, submit } from './dialogs';
import { login, prefer, visit } from './support';

/** policy makes a QoS policy with one limit, and leaves its page open. */
async function policy(page: Page, name: string, kbps: string): Promise<void> {
  await visit(page, '/qos');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(name);
  await submit(page);
  await page.getByTestId('table-qos').getByRole('link', { name, exact: true }).click();
  await opening(page, 'add-rule');
  await dialog(page)
    .getByRole('textbox', { name: /^Bandwidth/ })
    .fill(kbps);
  await submit(page);
}

test('a QoS policy is chosen for a network, and another one for a port of it', async ({ page, context }) => {
  test.setTimeout(300_000);
  const name = `qos-${Date.now()}`;
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await policy(page, `${name}-fast`, '90000');
  await expect(page.getByTestId('table-qos-rules')).toContainText('90,000 kbit/s');
  await policy(page, `${name}-slow`, '500');
  await actOn(page, 'table-qos-rules', /Bandwidth limit/, 'Edit');
  await dialog(page)
    .getByRole('textbox', { name: /^Bandwidth/ })
    .fill('700');
  await submit(page);
  await expect(page.getByTestId('table-qos-rules')).toContainText('700 kbit/s');

  await visit(page, '/networks');
  await opening(page, 'create');
  await dialog(page).getByLabel('Name').first().fill(name);
  await dialog(page).getByLabel('Range (CIDR)').fill('10.78.0.0/24');
  await dialog(page).getByRole('button', { name: 'Further settings' }).click();
  await choose(page, /^QoS policy/, new RegExp(`${name}-fast`));
  await submit(page);
  await page.getByRole('link', { name, exact: true }).click();
  await expect(page.getByRole('link', { name: `${name}-fast` })).toBeVisible();

  await page.getByRole('tab', { name: 'Ports' }).click();
  await opening(page, 'add-port');
  await dialog(page).getByLabel('Name').first().fill(`${name}-port`);
  await dialog(page).getByRole('button', { name: 'Further settings' }).click();
  await choose(page, /^QoS policy/, new RegExp(`${name}-slow`));
  await submit(page);
  await page
    .getByTestId('table-ports')
    .getByRole('link', { name: `${name}-port` })
    .click();
  await expect(page.getByRole('link', { name: `${name}-slow` })).toBeVisible();
  await expect(page.getByRole('link', { name: `${name}-fast` })).toBeVisible();

  // What something has stays.
  await visit(page, '/qos');
  await actOn(page, 'table-qos', new RegExp(`${name}-fast`), 'Delete');
  await page.getByTestId('confirm').click();
  await expect(page.getByText(/Delete failed/)).toBeVisible();
});
