import { expect, test } from 'vitest';
import { type RebuildValues, requestOf } from './rebuild';

const values: RebuildValues = {
  image: 'i',
  name: 'web',
  key: '',
  userData: 'keep',
  newUserData: { text: '', file: null },
  password: '',
};
const request = (rest: Partial<RebuildValues>) => requestOf({ ...values, ...rest }, { name: 'web' });

test('what is to stay is not asked for', () => {
  expect(request({})).toEqual({ imageRef: 'i' });
  expect(request({ name: ' web ' })).toEqual({ imageRef: 'i' });
});

test('what is to go is null, and what is new is sent', () => {
  expect(request({ key: 'none', userData: 'none' })).toEqual({ imageRef: 'i', key_name: null, user_data: null });
  expect(
    request({ name: 'db', key: 'key:none', userData: 'new', newUserData: { text: 'a', file: null }, password: 'p' }),
  ).toEqual({ imageRef: 'i', name: 'db', key_name: 'none', user_data: 'YQ==', adminPass: 'p' });
});

test('new user data without any are none', () => {
  expect(request({ userData: 'new' })).toEqual({ imageRef: 'i', user_data: null });
});
