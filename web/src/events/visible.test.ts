import { afterEach, expect, test, vi } from 'vitest';
import { whileVisible } from './visible';

afterEach(() => vi.restoreAllMocks());

test('a tab in the background holds nothing, and begins again when it is looked at', () => {
  const state = vi.spyOn(document, 'visibilityState', 'get');
  const show = (value: DocumentVisibilityState) => {
    state.mockReturnValue(value);
    document.dispatchEvent(new Event('visibilitychange'));
  };
  state.mockReturnValue('hidden');
  const stop = vi.fn();
  const start = vi.fn(() => stop);
  const end = whileVisible(start);
  expect(start).not.toHaveBeenCalled();
  show('visible');
  show('visible');
  expect(start).toHaveBeenCalledTimes(1);
  show('hidden');
  expect(stop).toHaveBeenCalledTimes(1);
  show('visible');
  expect(start).toHaveBeenCalledTimes(2);
  end();
  expect(stop).toHaveBeenCalledTimes(2);
  show('hidden');
  show('visible');
  expect(start).toHaveBeenCalledTimes(2);
});
