import { expect, test } from 'vitest';
import { closingOf } from './closing';

test.each([
  [1000, 'The machine ended.', true, 'ended'],
  [1013, 'The host does not answer.', true, 'lost'],
  [4001, 'The console was opened somewhere else.', true, 'elsewhere'],
  // A refusal before the stream is open has no code of its own.
  [1006, '', false, 'refused'],
  [1006, '', true, 'cut'],
])('%d is told in words', (code, reason, opened, why) => {
  expect(closingOf({ code, reason }, opened)).toMatchObject({ name: 'closed', why });
});

test('the reason of the cloud is kept where it says more', () => {
  expect(closingOf({ code: 1013, reason: 'The host is away.' }, true)).toMatchObject({ reason: 'The host is away.' });
  expect(closingOf({ code: 4001, reason: 'The console was opened somewhere else.' }, true)).toMatchObject({
    reason: '',
  });
});
