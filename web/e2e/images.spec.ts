import { expect, type Page, test } from '@playwright/test';
import { login, prefer, visit, watch } from './support';
import { fillUpload } from './upload';
import { words } from './words';

const guest = process.env.WISP_GUEST ?? '';
const t = words('en');
const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });

test.skip(!guest, 'needs WISP_GUEST, an image to upload');

test.beforeEach(async ({ page, context }) => {
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
});

test('an upload is paused, goes on from where it was, and arrives whole', async ({ page }) => {
  const wrong = watch(page);
  const name = `up-${Date.now()}`;
  await fillUpload(page, t, name, guest);
  await expect(page.getByRole('dialog').getByText(/The file is qcow2/)).toBeVisible();
  // Each part waits here until it is let through, so that the upload can be caught in the middle.
  let sent = 0;
  let letThrough: () => void = () => undefined;
  const open = new Promise<void>((resolve) => {
    letThrough = resolve;
  });
  await page.route('**/file', async (route) => {
    sent += 1;
    if (sent === 2) await open;
    await route.continue();
  });
  await page.getByTestId('submit').click();
  await expect.poll(() => sent).toBe(2);
  await page.getByTestId('pause').click();
  letThrough();
  await expect(page.getByTestId('upload-state')).toContainText('Paused');
  await visit(page, '/networks'); // it lives on another page too
  await visit(page, '/images');
  await expect(page.getByTestId('upload-state')).toContainText('Paused');
  await expect(row(page, name).first()).toContainText('Being uploaded');
  expect(sent).toBe(2);
  await page.getByTestId('resume').click();
  await expect(page.getByTestId('upload-done')).toContainText('The checksum is right', { timeout: 60_000 });
  await expect(row(page, name).first()).toContainText('Active');
  expect(sent).toBeGreaterThan(3);

  await page.getByTestId('table-images').getByRole('link', { name }).click();
  await expect(page.getByText('SHA512')).toBeVisible();
  await page.getByRole('tab', { name: 'Properties' }).click();
  await page.getByRole('button', { name: 'Add property' }).click();
  await page.getByRole('textbox').nth(0).fill('os_distro');
  await page.getByRole('textbox').nth(1).fill('debian');
  await page.getByTestId('save-properties').click();
  await expect(page.getByText(`The image ${name} is changed.`)).toBeVisible();
  await page.getByTestId('actions').first().getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Delete', exact: true }).click();
  await page.getByTestId('confirm').click();
  await expect(page).toHaveURL(/\/images$/);
  await expect(page.getByTestId('table-images')).not.toContainText(name);
  expect(wrong).toEqual([]);
});

test('what the file is not is refused, and so is a URL within', async ({ page }) => {
  const name = `lie-${Date.now()}`;
  await fillUpload(page, t, name, guest);
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText(/The file is qcow2/)).toBeVisible();
  await dialog.getByRole('button', { name: /^Disk format/ }).click();
  await page.getByRole('option', { name: /^VMDK/ }).click();
  await page.getByTestId('submit').click();
  await expect(dialog.getByText('The file is qcow2, not vmdk.').first()).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();

  await page.getByTestId('import-url').click();
  await dialog.getByLabel('URL').fill('http://169.254.169.254/latest/meta-data');
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await page.getByTestId('submit').click();
  await expect(dialog.getByText('That did not work')).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByTestId('table-images')).not.toContainText(name);
});
