import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useForm } from 'react-hook-form';
import { beforeAll, expect, test, vi } from 'vitest';
import { startWords } from '~/test/words';
import { FormModal } from './FormModal';
import { TextField } from './TextField';

beforeAll(() => startWords());

function Form({ onSubmit, onClose }: { onSubmit(): Promise<void>; onClose(): void }) {
  const form = useForm({ mode: 'onChange', defaultValues: { name: 'net' } });
  return (
    <FormModal title="Network" submitLabel="Create" form={form} onSubmit={onSubmit} onClose={onClose}>
      <TextField control={form.control} name="name" label="Name" />
    </FormModal>
  );
}

test('Enter pressed twice submits once', async () => {
  const user = userEvent.setup();
  let finish = () => {};
  const onSubmit = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)));
  const onClose = vi.fn();
  render(<Form onSubmit={onSubmit} onClose={onClose} />);
  await user.type(screen.getByLabelText('Name'), '1{Enter}{Enter}');
  await vi.waitFor(() => expect(onSubmit).toHaveBeenCalled());
  await user.type(screen.getByLabelText('Name'), '{Enter}');
  finish();
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  expect(onSubmit).toHaveBeenCalledOnce();
});

test('after a failure it is submitted again', async () => {
  const user = userEvent.setup();
  const onSubmit = vi.fn(async () => {});
  onSubmit.mockRejectedValueOnce(new Error('no room'));
  const onClose = vi.fn();
  render(<Form onSubmit={onSubmit} onClose={onClose} />);
  await user.type(screen.getByLabelText('Name'), '{Enter}');
  expect(await screen.findByText('no room')).toBeTruthy();
  await user.type(screen.getByLabelText('Name'), '{Enter}');
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  expect(onSubmit).toHaveBeenCalledTimes(2);
});
