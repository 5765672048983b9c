import { expect, test } from '@playwright/test';
import { login, prefer, visit, watch } from './support';

test('the state of the cloud is asked live, and what is broken comes first', async ({ page, context }) => {
  const wrong = watch(page);
  await prefer(context, { language: 'en', theme: 'light' });
  await login(page);
  await visit(page, '/system');
  await expect(page.getByTestId('system-well')).toBeVisible();
  const services = page.getByTestId('table-system-services');
  for (const name of ['keystone', 'nova', 'glance', 'neutron', 'placement']) {
    const row = services.getByRole('row').filter({ hasText: name });
    await expect(row, `${name} answers twice, and has an address`).toContainText(/s.*s.*http/);
  }
  await expect(page.getByTestId('table-system-parts')).toContainText('1 host, last heartbeat');
  await expect(page.getByTestId('table-system-findings')).toContainText('mounted at /sys/fs/bpf');
  await expect(page.getByTestId('table-system-compute')).toContainText('nova-compute');
  await expect(page.getByTestId('table-system-hypervisors')).toContainText('QEMU');
  await expect(page.getByTestId('table-system-agents')).toContainText('DHCP agent');

  // One part fails, and one service is silent: each is said with its reason and with what to do.
  await page.route('**/healthz', async (route) => {
    const answer = await route.fetch();
    const health = await answer.json();
    health.ok = false;
    health.details.database = { ok: false, milliseconds: 5000, reason: 'no answer', mend: 'wisp status' };
    await route.fulfill({ status: 503, json: health });
  });
  await page.route('**/placement/**', (route) => route.abort('connectionrefused'));
  await page.getByTestId('check-now').click();
  const problems = page.getByTestId('system-problem');
  await expect(problems.first()).toContainText('Database is broken');
  await expect(problems.first()).toContainText('no answer');
  await expect(problems.first()).toContainText('wisp status');
  await expect(problems.filter({ hasText: 'The service placement does not answer' })).toBeVisible();
  await expect(page.getByTestId('system-well')).toBeHidden();

  await page.unrouteAll();
  await page.getByTestId('check-now').click();
  await expect(page.getByTestId('system-well')).toBeVisible();
  expect(wrong).toEqual([]);
});
