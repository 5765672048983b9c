import { expect, test } from 'vitest';
import { awsCredentials, ec2rc } from './files';

const key = { access: 'abc', secret: 'def' };

test('a shell reads a key', () => {
  expect(ec2rc(key).split('\n')).toEqual([
    'export AWS_ACCESS_KEY_ID=abc',
    'export AWS_SECRET_ACCESS_KEY=def',
    'export EC2_ACCESS_KEY=abc',
    'export EC2_SECRET_KEY=def',
    '',
  ]);
});

test('boto reads a key', () => {
  expect(awsCredentials(key)).toBe('[wisp]\naws_access_key_id = abc\naws_secret_access_key = def\n');
});
