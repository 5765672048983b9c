import { afterEach, expect, test } from 'vitest';
import { nonceDocument } from './nonceDocument';

afterEach(() => {
  document.head.replaceChildren();
});

test('styles that are made through it carry the nonce of the page', () => {
  const meta = document.createElement('meta');
  meta.name = 'csp-nonce';
  meta.content = 'abc';
  document.head.append(meta);
  const proxy = nonceDocument();
  expect(proxy instanceof Document).toBe(true);
  expect(proxy.createElement('style').nonce).toBe('abc');
  expect(proxy.createElement('div').ownerDocument).toBe(document);
  expect(proxy.body).toBe(document.body);
});
