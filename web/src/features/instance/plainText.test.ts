import { expect, test } from 'vitest';
import { plainText } from './plainText';

test.each([
  ['colours', '\u001b[1;32mok\u001b[0m done', 'ok done'],
  ['a title that a guest would give the window', '\u001b]0;owned\u0007text', 'text'],
  ['a string that ends with ST', '\u001bP1$r\u001b\\text', 'text'],
  ['a reset and a choice of characters', '\u001bc\u001b(Btext', 'text'],
  ['line ends of a terminal', 'one\r\ntwo\r\n', 'one\ntwo\n'],
  ['a line that was written over', '10 %\r50 %\r100 %\r\nend', '100 %\nend'],
  ['other control characters', 'a\u0000b\u0008c\u009bd\te', 'abcd\te'],
  ['markup, which is text', '<img src=x onerror=alert(1)>&amp;', '<img src=x onerror=alert(1)>&amp;'],
  ['other languages', '启动完成 ✓', '启动完成 ✓'],
])('%s', (_, output, wanted) => {
  expect(plainText(output)).toBe(wanted);
});
