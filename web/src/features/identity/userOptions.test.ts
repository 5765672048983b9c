import { expect, test } from 'vitest';
import type { User } from '~/api/identity';
import { optionsChange, optionsOf } from './userOptions';

test('the options of a user are those that are on', () => {
  const user = { options: { lock_password: true, ignore_password_expiry: false, other: true } } as unknown as User;
  expect(optionsOf(user)).toEqual(['lock_password']);
  expect(optionsOf()).toEqual([]);
});

test('only what differs is changed', () => {
  expect(optionsChange(['lock_password'], ['lock_password'])).toEqual({});
  expect(optionsChange(['lock_password'], ['ignore_password_expiry'])).toEqual({
    lock_password: null,
    ignore_password_expiry: true,
  });
});
