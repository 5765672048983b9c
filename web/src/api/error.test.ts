import { expect, test } from 'vitest';
import { readError } from './error';

test.each([
  ['Keystone', '{"error":{"code":401,"message":"Who are you?","title":"Unauthorized"}}', 'Who are you?', ''],
  ['Nova', '{"conflictingRequest":{"code":409,"message":"Not in this state."}}', 'Not in this state.', ''],
  ['Neutron', '{"NeutronError":{"type":"IpAddressInUse","message":"Taken.","detail":""}}', 'Taken.', 'IpAddressInUse'],
  [
    'Placement',
    '{"errors":[{"status":400,"detail":"No such class.","code":"placement.undefined_code"}]}',
    'No such class.',
    'placement.undefined_code',
  ],
  [
    'Glance',
    '<html><head><title>403</title></head><body><h1>403 Forbidden</h1>Over <b>quota</b>.<br/></body></html>',
    'Over quota.',
    '',
  ],
  ['nobody', '', 'HTTP 500', ''],
  ['a list', '[1]', 'HTTP 500', ''],
])('the message of %s is found', (_, body, message, type) => {
  const error = readError(500, body, 'req-1');
  expect([error.message, error.type, error.status, error.requestId]).toEqual([message, type, 500, 'req-1']);
});

test('markup in an error stays text', () => {
  expect(readError(400, '<p>no <img src=x onerror=alert(1)> here</p>', '').message).toBe('no here');
});
