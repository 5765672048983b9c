import { expect, type Page } from '@playwright/test';

export const dialog = (page: Page) => page.getByRole('dialog');

/**
 * opening clicks what opens a dialog; a notification that leaves at that moment moves the button away from the click. A dialog that comes late
 * covers the button, which is not clicked again then.
 */
export async function opening(page: Page, button: string): Promise<void> {
  await expect(async () => {
    if (!(await dialog(page).isVisible())) await page.getByTestId(button).click({ timeout: 5_000 });
    await expect(dialog(page)).toBeVisible({ timeout: 5_000 });
  }).toPass();
}

/** submit sends a dialog's form and waits until that is done. */
export async function submit(page: Page): Promise<void> {
  await page.getByTestId('submit').click();
  await expect(page.getByTestId('submit')).toBeHidden();
}

/** choose picks an option of a field in the dialog. */
export async function choose(page: Page, field: RegExp, option: RegExp): Promise<void> {
  await dialog(page).getByRole('button', { name: field }).click();
  await page.getByRole('option', { name: option }).first().click();
}

/** actOn ticks the row of a table that says something, and chooses what to do to it. */
export async function actOn(page: Page, table: string, row: RegExp, action: string): Promise<void> {
  const all = page.getByTestId(table);
  await all.getByRole('row', { name: row }).getByRole('checkbox').check();
  await all.getByTestId('actions').getByRole('button').click();
  await page.getByRole('menuitem', { name: action, exact: true }).click();
}
