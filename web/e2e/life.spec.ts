import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { api } from './cloud';
import { dialog } from './dialogs';
import { login, prefer, visit, watch } from './support';

const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });

/** act opens the menu of the page's actions and takes one. */
async function act(page: Page, action: string): Promise<void> {
  await page.getByTestId('actions').first().getByRole('button').click();
  await page.getByRole('menuitem', { name: action, exact: true }).click();
}

const submit = async (page: Page) => {
  await page.getByTestId('submit').click();
  await expect(dialog(page)).toBeHidden();
};

/** becomes waits until the header says what is wanted; nobody asks for it: the event of the change does. */
const becomes = (page: Page, status: string) =>
  expect(page.locator('h1').locator('..').getByText(status, { exact: true }).first()).toBeVisible({ timeout: 120_000 });

/** wayOut is the button with which the page offers to end a state in which the instance waits. */
const wayOut = (page: Page, action: string) => page.getByTestId('state-banner').getByTestId(action);

/** flawless looks for what people with screen readers would stumble over. */
async function flawless(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
    .analyze();
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)).toEqual([]);
}

test('the life of an instance between its launch and its end', async ({ page, context }) => {
  test.setTimeout(900_000);
  await prefer(context, { language: 'en', theme: 'light' });
  page.setDefaultTimeout(30_000);
  const wrong = watch(page);
  await login(page);
  const name = `life-${Date.now()}`;
  const cloud = await api(page.request);
  const image = await cloud.post<{ id: string }>('/image/v2/images', {
    name: `${name}-image`,
    disk_format: 'raw',
    container_format: 'bare',
    os_shutdown_timeout: '1', // nothing on an empty disk hears the wish to shut down
  });
  await cloud.put(`/image/v2/images/${image.id}/file`, Buffer.alloc(1024 * 1024));
  const { network } = await cloud.post<{ network: { id: string } }>('/network/v2.0/networks', {
    network: { name: `${name}-net` },
  });
  await cloud.post('/network/v2.0/subnets', {
    subnet: { network_id: network.id, cidr: '10.78.0.0/24', ip_version: 4 },
  });
  const flavor = async (size: string, ram: number) =>
    (
      await cloud.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', {
        flavor: { name: `${name}-${size}`, ram, vcpus: 1, disk: 1 },
      })
    ).flavor.id;
  const [small, large] = [await flavor('small', 64), await flavor('large', 128)];
  const { server } = await cloud.post<{ server: { id: string } }>('/compute/v2.1/servers', {
    server: { name, imageRef: image.id, flavorRef: small, networks: [{ uuid: network.id }] },
  });
  await visit(page, `/instances/${server.id}`);
  await becomes(page, 'Active');

  await test.step('it stands still and goes on', async () => {
    await act(page, 'Pause');
    await becomes(page, 'Paused');
    await wayOut(page, 'unpause').click();
    await becomes(page, 'Active');
    await act(page, 'Suspend');
    await becomes(page, 'Suspended');
    await page.getByTestId('actions').first().getByRole('button').click();
    await expect(page.getByRole('menuitem', { name: 'Resize' })).toHaveAttribute('aria-disabled', 'true');
    await page.getByTestId('actions').first().getByRole('button').click();
    await wayOut(page, 'resume').click();
    await becomes(page, 'Active');
  });

  await test.step('it gets larger, goes back, gets larger again and stays so', async () => {
    const resize = async () => {
      await act(page, 'Resize');
      await expect(row(page, `${name}-small`).getByRole('radio')).toBeDisabled();
      await page.getByTestId('choice-flavor').getByText(`${name}-large`).click();
      await expect(page.getByTestId('comparison')).toContainText('+64 MiB');
    };
    await resize();
    await flawless(page);
    await submit(page);
    await becomes(page, 'Confirm new size');
    await expect(page.getByTestId('state-banner')).toContainText(`${name}-large`);
    await wayOut(page, 'revert-resize').click();
    await page.getByTestId('confirm').click();
    await becomes(page, 'Active');
    await resize();
    await submit(page);
    await becomes(page, 'Confirm new size');
    await wayOut(page, 'confirm-resize').click();
    await page.getByTestId('confirm').click();
    await becomes(page, 'Active');
  });

  await test.step('it is mended from another disk, and made anew', async () => {
    await act(page, 'Rescue');
    await submit(page);
    await becomes(page, 'In rescue');
    await wayOut(page, 'unrescue').click();
    await page.getByTestId('confirm').click();
    await becomes(page, 'Active');
    await act(page, 'Rebuild');
    await dialog(page).getByLabel('Name', { exact: true }).fill(`${name}-anew`);
    await flawless(page);
    await submit(page);
    await expect(page.locator('h1')).toContainText(`${name}-anew`);
    await becomes(page, 'Active');
  });

  await test.step('images are made of it, and the oldest backup goes', async () => {
    await page.getByRole('tab', { name: 'Images and backups' }).click();
    await page.getByTestId('snapshot').click();
    await dialog(page).getByLabel('Name of the image').fill(`${name}-picture`);
    await submit(page);
    await expect(row(page, `${name}-picture`)).toContainText('Active', { timeout: 60_000 });
    await becomes(page, 'Active');
    for (const copy of ['one', 'two']) {
      await page.getByTestId('backup').click();
      await dialog(page).getByLabel('Name of the image').fill(`${name}-${copy}`);
      await dialog(page).getByRole('spinbutton').fill('1');
      await submit(page);
      await expect(row(page, `${name}-${copy}`)).toContainText('Backup: daily');
      await expect(row(page, `${name}-${copy}`)).toContainText('Active', { timeout: 60_000 });
      await becomes(page, 'Active');
    }
    await expect(row(page, `${name}-one`)).toHaveCount(0);
    await flawless(page);
  });

  await test.step('an interface comes, is guarded, and goes', async () => {
    await page.getByRole('tab', { name: 'Interfaces' }).click();
    await page.getByTestId('attach').click();
    await dialog(page)
      .getByRole('button', { name: /Network/ })
      .click();
    await page.getByRole('option', { name: new RegExp(`${name}-net`) }).click();
    await dialog(page)
      .getByLabel(/^Address/)
      .fill('10.77.0.5');
    await expect(dialog(page).getByText('Must lie in 10.78.0.0/24')).toBeVisible();
    await dialog(page)
      .getByLabel(/^Address/)
      .fill('10.78.0.88');
    await submit(page);
    const added = row(page, '10.78.0.88');
    await expect(added).toBeVisible();
    const menu = page.getByTestId('table-instance-interfaces').getByTestId('actions').getByRole('button');
    await added.getByRole('checkbox').check({ force: true });
    await menu.click();
    await page.getByRole('menuitem', { name: 'Security groups' }).click();
    await dialog(page)
      .getByRole('button', { name: /Remove default/ })
      .click();
    await submit(page);
    await expect(added).not.toContainText('default');
    await added.getByRole('checkbox').check({ force: true });
    await menu.click();
    await page.getByRole('menuitem', { name: 'Detach' }).click();
    await page.getByTestId('confirm').click();
    await expect(added).toHaveCount(0);
  });

  await test.step('it is locked with a reason, put away, and brought back', async () => {
    await act(page, 'Lock with a reason');
    await dialog(page).getByRole('textbox').fill('until Monday');
    await submit(page);
    await page.getByRole('tab', { name: 'Overview' }).click();
    await expect(page.getByText('until Monday').first()).toBeVisible();
    await act(page, 'Unlock');
    await act(page, 'Shelve');
    await page.getByTestId('confirm').click();
    await becomes(page, 'Shelved, on no host');
    await flawless(page);
    await wayOut(page, 'unshelve').click();
    await submit(page);
    await becomes(page, 'Active');
  });

  await test.step('the log of actions has all of it', async () => {
    await page.getByRole('tab', { name: 'Action log' }).click();
    for (const action of ['Unshelve', 'Shelve', 'Detach interface', 'Create backup', 'Rebuild', 'Rescue', 'Suspend'])
      await expect(page.getByRole('button', { name: new RegExp(`^${action}`) }).first()).toBeVisible();
  });

  await act(page, 'Delete');
  await page.getByTestId('confirm').click();
  await expect(page).toHaveURL(/\/instances$/);
  await cloud.gone(`/compute/v2.1/servers/${server.id}`);
  const { images } = await cloud.get<{ images: { id: string; name: string }[] }>('/image/v2/images?limit=100');
  for (const one of images.filter((i) => i.name.startsWith(name))) await cloud.remove(`/image/v2/images/${one.id}`);
  await cloud.remove(`/network/v2.0/networks/${network.id}`);
  for (const id of [small, large]) await cloud.remove(`/compute/v2.1/flavors/${id}`);
  expect(wrong).toEqual([]);
});
