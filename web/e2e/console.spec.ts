import { readFileSync } from 'node:fs';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { api } from './cloud';
import { login, prefer, visit, watch } from './support';

/** An instance of the guest image that can be logged in to, made for this file; its screen and serial port are real ones. */
const guest = process.env.WISP_GUEST;
const steps = [
  'Check the token',
  'Check the request and claim what it needs',
  'Look up the image',
  'Choose a host',
  'Allocate ports and addresses',
  'Build and run the instance',
  'Connect the ports on the host',
  'Bring the image to the host',
  'Make the disk',
  'Start the machine',
  'The guest takes its address',
];

/** lit tells how many pixels of a canvas are not black. */
const lit = (canvas: Locator): Promise<number> =>
  canvas.evaluate((element: HTMLCanvasElement) => {
    const data = element.getContext('2d')?.getImageData(0, 0, element.width, element.height).data ?? [];
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      if ((data[i] ?? 0) + (data[i + 1] ?? 0) + (data[i + 2] ?? 0) > 96) count += 1;
    return count;
  });

/** says types a line, and waits until the terminal shows what is wanted. */
async function says(page: Page, line: string, wanted: string | RegExp): Promise<void> {
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
  await expect(page.locator('.xterm-rows')).toContainText(wanted, { timeout: 60_000 });
}

test.skip(!guest, 'needs WISP_GUEST, the image of a guest');

test('an instance is watched, and spoken to by its consoles', async ({ page, context }) => {
  test.setTimeout(420_000);
  await prefer(context, { language: 'en', theme: 'light' });
  const wrong = watch(page);
  await login(page);
  const name = `console-${Date.now()}`;
  const cloud = await api(page.request);
  const image = await cloud.post<{ id: string }>('/image/v2/images', {
    name,
    disk_format: 'qcow2',
    container_format: 'bare',
  });
  await cloud.put(`/image/v2/images/${image.id}/file`, readFileSync(guest as string));
  const { network } = await cloud.post<{ network: { id: string } }>('/network/v2.0/networks', { network: { name } });
  await cloud.post('/network/v2.0/subnets', {
    subnet: { network_id: network.id, cidr: '10.78.0.0/24', ip_version: 4 },
  });
  const { flavor } = await cloud.post<{ flavor: { id: string } }>('/compute/v2.1/flavors', {
    flavor: { name, ram: 128, vcpus: 1, disk: 1 },
  });
  const { server } = await cloud.post<{ server: { id: string } }>('/compute/v2.1/servers', {
    server: { name, imageRef: image.id, flavorRef: flavor.id, networks: [{ uuid: network.id }] },
  });
  const tab = (id: string) => visit(page, `/instances/${server.id}?tab=${id}`);

  // The way of the request: the guest takes its address after it has booted, and the page learns of it by itself.
  await tab('way');
  const table = page.getByTestId('steps');
  await expect(table.getByRole('row').filter({ hasText: 'The guest takes its address' })).toContainText('Done', {
    timeout: 180_000,
  });
  for (const step of steps) await expect(table.getByRole('row').filter({ hasText: step })).toContainText('Done');
  await expect(page.getByTestId('to-active')).toContainText(/s$/);
  await expect(page.getByTestId('to-address')).toContainText(/s$/);
  await expect(page.locator('[data-testid=way]:not([role=tab])').locator('.way-bar')).toHaveCount(steps.length);

  await tab('log');
  await expect(page.getByRole('log')).toContainText('boot finished', { timeout: 120_000 });

  await tab('console');
  await expect(page.getByTestId('console-state')).toHaveText('Connected');
  await page.locator('.xterm-screen').click();
  await page.keyboard.press('Enter');
  await expect(page.locator('.xterm-rows')).toContainText('login:', { timeout: 60_000 });
  await says(page, 'cirros', 'Password:');
  await says(page, 'gocubsgo', /[$#] ?/);
  await says(page, 'echo it is $((6 * 7))', 'it is 42');
  // A direct colour is one of the palette: the policy of the page takes no style attributes.
  await says(page, "printf '\\033[38;2;255;0;0mre''d\\033[0m\\n'", 'red');
  await expect(page.locator('.xterm-rows .xterm-fg-196').first()).toHaveCSS('color', 'rgb(255, 0, 0)');
  // The keyboard finds its way out.
  await page.keyboard.press('Control+Shift+L');
  await expect(page.getByRole('button', { name: 'Go into the console' })).toBeFocused();
  // Who opens it somewhere else has it, and this page says so.
  const other = await context.newPage();
  await other.goto(`/instances/${server.id}?tab=console`);
  await expect(other.getByTestId('console-state')).toHaveText('Connected');
  await expect(page.getByTestId('console-closed')).toContainText('opened somewhere else');
  await other.close();
  await page.getByTestId('reconnect').click();
  await expect(page.getByTestId('console-state')).toHaveText('Connected');

  await page.getByRole('button', { name: 'Screen', exact: true }).click();
  await expect(page.getByTestId('console-state')).toHaveText('Connected');
  await expect.poll(() => lit(page.locator('.console-place canvas')), { timeout: 60_000 }).toBeGreaterThan(100);

  // The address that the API gives opens the screen alone, for who has no session, and once only.
  const made = await cloud.post<{ remote_console: { url: string } }>(
    `/compute/v2.1/servers/${server.id}/remote-consoles`,
    { remote_console: { protocol: 'vnc', type: 'novnc' } },
    { 'OpenStack-API-Version': 'compute 2.6' },
  );
  const { pathname, search } = new URL(made.remote_console.url);
  const stranger = await page.context().browser()?.newContext();
  const alone = await stranger?.newPage();
  if (!alone) throw new Error('there is no browser');
  await prefer(alone.context(), { language: 'en', theme: 'light' });
  const wrongAlone = watch(alone);
  await alone.goto(new URL(pathname + search, page.url()).href);
  await expect.poll(() => lit(alone.locator('.console-place canvas')), { timeout: 60_000 }).toBeGreaterThan(100);
  await alone.reload();
  await expect(alone.getByTestId('console-closed')).toContainText('used before');
  await stranger?.close();

  await tab('metrics');
  await expect(page.getByText('Processor 0, time used')).toBeVisible();
  await expect(page.getByRole('application', { name: 'Processors' }).first()).toBeVisible({ timeout: 30_000 });

  await tab('actions');
  await page.getByTestId('actions').first().getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Delete', exact: true }).click();
  await page.getByTestId('confirm').click();
  await expect(page).toHaveURL(/\/instances$/);
  expect([
    ...wrong,
    ...wrongAlone.filter((line) => !/WebSocket connection to|Failed when connecting/.test(line)),
  ]).toEqual([]);

  await cloud.gone(`/compute/v2.1/servers/${server.id}`);
  await cloud.remove(`/compute/v2.1/flavors/${flavor.id}`);
  await cloud.remove(`/network/v2.0/networks/${network.id}`);
  await cloud.remove(`/image/v2/images/${image.id}`);
});
