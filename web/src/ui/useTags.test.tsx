import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, expect, test, vi } from 'vitest';
import { startWords } from '~/test/words';
import { perform, refusal } from './actions';
import { useTags } from './useTags';

beforeAll(() => startWords());

const thing = { id: '1', name: 'web', tags: ['old'] };
const save = vi.fn(async () => undefined);

function Things() {
  const { action, dialog } = useTags<typeof thing>({
    save,
    refused: (one) => (one.id === '2' ? 'not yours' : undefined),
  });
  return (
    <>
      <button type="button" onClick={() => void perform(action, [thing])}>
        open
      </button>
      <p>{refusal(action, [{ ...thing, id: '2' }])}</p>
      {dialog}
    </>
  );
}

test('tags are edited in a dialog that goes when they are saved', async () => {
  render(<Things />);
  expect(screen.getByText('not yours')).toBeDefined();
  await userEvent.click(screen.getByText('open'));
  const field = await screen.findByDisplayValue('old');
  await userEvent.type(field, '\nnew');
  await userEvent.click(screen.getByTestId('submit'));
  await waitFor(() => expect(save).toHaveBeenCalledWith(thing, ['old', 'new']));
  await waitFor(() => expect(screen.queryByTestId('submit')).toBeNull());
});
