import { expect, test } from 'vitest';
import type { ActionEvent } from '~/api/compute';
import { failureOf } from './failure';

const event = (name: string, result: string | null): ActionEvent => ({
  event: name,
  start_time: '2026-01-01T00:00:00.000000',
  finish_time: null,
  result,
});

test('the step that failed says what it was', () => {
  const events = [event('image_get', 'Success'), event('hypervisor_start', 'Error')];
  expect(failureOf('boom', events)).toBe('start');
  expect(failureOf('boom', [event('compute__do_build_and_run_instance', 'Error'), ...events])).toBe('start');
});

test('without a step, the message says it, or nothing does', () => {
  expect(failureOf('No valid host was found. There are not enough hosts available.')).toBe('noHost');
  expect(failureOf('Unexpected', [event('image_get', 'Success')])).toBe('other');
  expect(failureOf('Unexpected', [event('something_new', 'Error')])).toBe('other');
});
