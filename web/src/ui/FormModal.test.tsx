import Input from '@cloudscape-design/components/input';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Controller, useForm } from 'react-hook-form';
import { beforeAll, expect, test, vi } from 'vitest';
import { startWords } from '~/test/words';
import { FormModal } from './FormModal';

beforeAll(() => startWords());

function Dialog({ onSubmit, onClose }: { onSubmit(): Promise<void>; onClose(): void }) {
  const form = useForm({ mode: 'onChange', defaultValues: { name: 'one' } });
  return (
    <FormModal title="New" submitLabel="Create" form={form} onSubmit={onSubmit} onClose={onClose}>
      <Controller
        control={form.control}
        name="name"
        render={({ field }) => (
          <Input ariaLabel="Name" value={field.value} onChange={({ detail }) => field.onChange(detail.value)} />
        )}
      />
    </FormModal>
  );
}

test('Enter pressed again and again creates one thing; after a failure it tries again', async () => {
  const user = userEvent.setup();
  let end: (error?: Error) => void = () => undefined;
  const onSubmit = vi.fn(
    () => new Promise<void>((resolve, reject) => (end = (error) => (error ? reject(error) : resolve()))),
  );
  const onClose = vi.fn();
  render(<Dialog onSubmit={onSubmit} onClose={onClose} />);
  await user.type(screen.getByLabelText('Name'), '{Enter}{Enter}{Enter}');
  expect(onSubmit).toHaveBeenCalledTimes(1);
  end(new Error('no'));
  expect(await screen.findByText('no')).toBeTruthy();
  await user.type(screen.getByLabelText('Name'), '{Enter}');
  expect(onSubmit).toHaveBeenCalledTimes(2);
  end();
  await waitFor(() => expect(onClose).toHaveBeenCalledTimes(1));
});
