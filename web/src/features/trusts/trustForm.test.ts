import { expect, test } from 'vitest';
import { trustFields } from './trustForm';

const values = { trustee: ' them ', roles: ['r'], impersonation: true, uses: '', passed: '' };
const from = { user: 'me', project: 'p' };

test('a trust gives roles of one project to one user', () => {
  expect(trustFields(values, from, undefined)).toEqual({
    trustor_user_id: 'me',
    trustee_user_id: 'them',
    project_id: 'p',
    impersonation: true,
    roles: [{ id: 'r' }],
  });
});

test('it ends at a time, or after some uses', () => {
  const fields = trustFields({ ...values, uses: '3' }, from, new Date('2030-01-02T03:04:05Z'));
  expect(fields).toMatchObject({ remaining_uses: 3 });
  expect(fields.expires_at).toContain('2030-01-02T03:04:05');
});

test('the uses of what may be passed on are not counted', () => {
  const fields = trustFields({ ...values, uses: '3', passed: '1' }, from, undefined);
  expect(fields).toMatchObject({ allow_redelegation: true, redelegation_count: 1 });
  expect(fields).not.toHaveProperty('remaining_uses');
});
