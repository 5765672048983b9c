import { expect, type Page } from '@playwright/test';
import { visit } from './support';
import type { words } from './words';

type Speak = ReturnType<typeof words>;

/** fillUpload chooses a file in the dialog for uploads and names the image. */
export async function fillUpload(page: Page, t: Speak, name: string, file: string): Promise<void> {
  await visit(page, '/images');
  await page.getByTestId('upload').first().click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('input[type=file]').setInputFiles(file);
  await dialog.getByLabel(t('common', 'name'), { exact: true }).fill(name);
}

/** uploadImage uploads a file as a public image, and waits until the checksum is found right. */
export async function uploadImage(page: Page, t: Speak, name: string, file: string): Promise<void> {
  await fillUpload(page, t, name, file);
  await page
    .getByRole('dialog')
    .getByRole('radio', { name: t('images', 'visibilities.public') })
    .check({ force: true });
  await page.getByTestId('submit').click();
  await expect(page.getByTestId('upload-done')).toContainText(t('images', 'checksum.same'), { timeout: 120_000 });
}
