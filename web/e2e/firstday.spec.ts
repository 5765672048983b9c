import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from '@playwright/test';
import { api } from './cloud';
import { login, prefer, visit, watch } from './support';
import { uploadImage } from './upload';
import { words } from './words';

const run = promisify(execFile);

// A new user's whole first day, with the mouse and the keyboard: in both languages.
for (const language of ['en', 'zh-CN'] as const) {
  test(`the first day in ${language}`, async ({ page, context, request }, info) => {
    test.setTimeout(480_000);
    const t = words(language);
    const tag = `day-${language.toLowerCase()}-${Date.now() % 100_000}`;
    const wrong = watch(page);
    await prefer(context, { language, theme: 'light' });

    const dialog = page.getByRole('dialog');
    const option = (name: string | RegExp) => page.getByRole('option', { name }).first();
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    const row = (name: string) => page.getByRole('row').filter({ hasText: name });
    const open = async (path: string, testid: string) => {
      await visit(page, path);
      await page.getByTestId(testid).first().click();
      await expect(dialog).toBeVisible();
    };
    const field = (name: string) => dialog.getByLabel(name, { exact: true }).first();
    const choose = async (name: string, value: string | RegExp) => {
      await dialog
        .getByRole('button', { name: new RegExp(`^${name}`) })
        .first()
        .click();
      await option(value).click();
    };
    const submit = async () => {
      await page.getByTestId('submit').click();
      await expect(page.getByTestId('submit')).toBeHidden();
    };

    // The administrator: an image, a flavor, a way to the outside, and a project with a user.
    await login(page);
    await uploadImage(page, t, `${tag}-image`, process.env.WISP_GUEST ?? '');

    await open('/flavors', 'create');
    await field(t('common', 'name')).fill(`${tag}-flavor`);
    await field(t('flavors', 'vcpus')).fill('1');
    await field(t('flavors', 'ramMiB')).fill('128');
    await field(t('flavors', 'diskGiB')).fill('1');
    await submit();

    const cloud = await api(request);
    const { networks } = await cloud.get<{ networks: object[] }>('/network/v2.0/networks?router:external=true');
    if (networks.length === 0) {
      await open('/networks', 'create');
      await dialog.getByLabel(t('common', 'name')).first().fill('ext_net');
      await dialog.getByLabel(t('networks', 'external')).first().check({ force: true });
      await choose(t('networks', 'type'), t('networks', 'types.flat'));
      await choose(t('networks', 'physical'), 'public');
      await dialog.getByLabel(t('networks', 'subnet.cidr')).fill('172.24.4.0/24');
      await dialog.getByLabel(t('networks', 'subnet.dhcp')).uncheck({ force: true });
      await submit();
      await expect(page.getByRole('link', { name: 'ext_net' })).toBeVisible();
    }

    await open('/projects', 'create');
    await field(t('common', 'name')).fill(tag);
    await submit();
    await open('/users', 'create');
    await field(t('common', 'name')).fill(tag);
    for (const one of await dialog.locator('input[type=password]').all()) await one.fill('correct horse');
    await choose(t('identity', 'user.defaultProject'), tag);
    await choose(t('identity', 'user.role'), 'member');
    await submit();
    await page
      .locator('#header')
      .getByRole('button', { name: `${t('common', 'user')} admin` })
      .click();
    await page.getByRole('menuitem', { name: t('common', 'logout') }).click();

    // The user: a network, a router, rules, a key, an instance.
    await login(page, tag, 'correct horse');
    await expect(page.locator('#header')).toContainText(tag);
    await open('/networks', 'create');
    await dialog.getByLabel(t('common', 'name')).first().fill(`${tag}-net`);
    await dialog.getByLabel(t('networks', 'subnet.cidr')).fill('10.66.0.0/24');
    await submit();
    await open('/routers', 'create');
    await field(t('common', 'name')).fill(`${tag}-router`);
    await choose(t('routers', 'gateway.network'), 'ext_net');
    await submit();
    await page.getByRole('link', { name: `${tag}-router` }).click();
    await page.getByTestId('add-interface').click();
    await choose(t('routers', 'subnet'), /10\.66\.0\.0/);
    await submit();
    await expect(page.getByTestId('table-router-interfaces')).toContainText('10.66.0.1');

    await visit(page, '/security-groups');
    await page.getByRole('link', { name: 'default' }).click();
    await page.getByTestId('add-rules').click();
    await dialog.getByRole('button', { name: new RegExp(`^${t('securitygroups', 'traffic')}`) }).click();
    await option(/^SSH/).click();
    await option(/Ping|ICMP/).click();
    await page.keyboard.press('Tab');
    await submit();

    await open('/keypairs', 'generate');
    await field(t('common', 'name')).fill(tag);
    const [key] = await Promise.all([page.waitForEvent('download'), page.getByTestId('submit').click()]);
    const keyFile = info.outputPath('key.pem');
    await key.saveAs(keyFile);
    await chmod(keyFile, 0o600);
    await page.getByTestId('key-saved').click();

    await visit(page, '/instances/launch');
    const next = button(language === 'en' ? 'Next' : '下一步'); // the components' own word
    await page.getByLabel(t('common', 'name'), { exact: true }).fill(`${tag}-vm`);
    await next.click();
    await page.getByTestId('choice-image').getByText(`${tag}-image`).click();
    await next.click();
    await page.getByTestId('choice-flavor').getByText(`${tag}-flavor`).click();
    await next.click();
    await expect(page.getByTestId('nics')).toContainText(`${tag}-net`); // the only one
    await next.click();
    await next.click();
    await page
      .getByRole('button', { name: new RegExp(`^${t('instances', 'keyPair')}`) })
      .first()
      .click();
    await option(tag).click();
    await button(t('instances', 'launch.skipTo', { step: t('instances', 'launch.step.review') })).click();
    await button(t('instances', 'launchAction')).click();
    await expect(row(`${tag}-vm`)).toContainText(t('common', 'status.ACTIVE'), { timeout: 60_000 });

    // A floating IP in two clicks; then ping it, and log in.
    await open('/floating-ips', 'create');
    await choose(t('floatingips', 'network'), 'ext_net');
    await submit();
    await page.getByTestId('associate').first().click();
    await page.getByTestId('choose').first().click();
    await expect(row(`${tag}-vm`)).toBeVisible();
    const cell = page.getByTestId('table-floatingips').getByText(/^172\.24\.4\.\d+$/);
    const address = (await cell.first().textContent()) ?? '';
    expect(address).not.toBe('');
    await expect(() => run('ping', ['-n', '-c', '1', '-W', '1', address])).toPass({ timeout: 200_000 });
    const ssh = (command: string) =>
      run('ssh', [
        ...[
          '-i',
          keyFile,
          '-o',
          'StrictHostKeyChecking=no',
          '-o',
          'UserKnownHostsFile=/dev/null',
          '-o',
          'BatchMode=yes',
        ],
        ...['-o', 'ConnectTimeout=10', '-o', 'LogLevel=ERROR', `cirros@${address}`, command],
      ]);
    let said = '';
    await expect(async () => {
      said = (await ssh('hostname')).stdout;
    }).toPass({ timeout: 120_000 });
    expect(said.trim()).toBe(`${tag}-vm`);
    const outside = process.env.WISP_OUTSIDE;
    if (outside) expect((await ssh(`ping -c 1 -W 5 ${outside}`)).stdout).toContain('1 received');

    await visit(page, '/instances');
    await row(`${tag}-vm`).getByRole('checkbox').check({ force: true });
    await page.getByTestId('actions').first().getByRole('button').click();
    await page.getByRole('menuitem', { name: t('common', 'delete'), exact: true }).click();
    await page.getByTestId('confirm').click();
    await expect(row(`${tag}-vm`)).toHaveCount(0, { timeout: 60_000 });
    expect(wrong).toEqual([]);
  });
}
