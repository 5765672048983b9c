import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Image } from '~/api/image';
import { startWords } from '~/test/words';
import words from './en.json';
import { changeImage } from './mutations';
import { PropertiesTab } from './PropertiesTab';

vi.mock('~/features/metadefs/known', () => ({ useKnown: () => [] }));
vi.mock('./mutations', () => ({ changeImage: vi.fn() }));

beforeAll(() => startWords('images', words));
beforeEach(() => void vi.mocked(changeImage).mockReset().mockResolvedValue());

const image = (properties: Record<string, string>) => ({ id: 'i', name: 'image', ...properties }) as unknown as Image;
const typed = () => screen.getAllByRole('textbox').map((box) => (box as HTMLInputElement).value);
const box = (at: number) => screen.getAllByRole('textbox')[at] as HTMLElement;

test('rows that nobody touched follow the image, others stay', async () => {
  const { rerender } = render(<PropertiesTab image={image({ a: '1' })} mine />);
  rerender(<PropertiesTab image={image({ a: '2' })} mine />);
  expect(typed()).toEqual(['a', '2']);
  await userEvent.type(box(1), '3');
  rerender(<PropertiesTab image={image({ a: '2', b: '1' })} mine />);
  expect(typed()).toEqual(['a', '23']);
});

test('what others added meanwhile is kept, and shown after saving', async () => {
  const { rerender } = render(<PropertiesTab image={image({ a: '1' })} mine />);
  await userEvent.type(box(1), '2');
  rerender(<PropertiesTab image={image({ a: '1', b: '1' })} mine />);
  await userEvent.click(screen.getByTestId('save-properties'));
  expect(changeImage).toHaveBeenCalledWith(expect.anything(), { a: '12' });
  await waitFor(() => expect(typed()).toEqual(['a', '12', 'b', '1']));
  rerender(<PropertiesTab image={image({ a: '12', b: '2' })} mine />);
  expect(typed()).toEqual(['a', '12', 'b', '2']);
});

test('an attribute of the image is no property', async () => {
  render(<PropertiesTab image={image({})} mine />);
  await userEvent.click(screen.getByRole('button', { name: words.addProperty }));
  await userEvent.type(box(0), ' visibility');
  expect(screen.getByText(words.rules.attribute)).toBeTruthy();
  await userEvent.click(screen.getByTestId('save-properties'));
  expect(changeImage).not.toHaveBeenCalled();
});
