import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeAll, expect, test, vi } from 'vitest';
import { startWords } from '~/test/words';
import { perform } from './actions';
import { type Column, ResourceTable } from './ResourceTable';

interface Thing {
  id: string;
  name: string;
  state: string;
}

const columns: Column<Thing>[] = [{ id: 'name', header: 'Name', cell: (x) => x.name, value: (x) => x.name }];
const query = (data: Thing[]) => ({
  data,
  error: null,
  isPending: false,
  isFetching: false,
  refetch: async () => undefined,
});

beforeAll(() => startWords());

function Table({ things, done }: { things: Thing[]; done(thing: Thing): void }) {
  return (
    <ResourceTable
      id="things"
      title="Things"
      query={query(things)}
      columns={columns}
      actions={[
        {
          id: 'stop',
          text: 'Stop',
          refused: (x) => (x.state === 'running' ? undefined : `not in state ${x.state}`),
          run: async (x) => done(x),
        },
      ]}
      empty={{ title: 'None' }}
    />
  );
}

test('what is done is done to the things as they are now, not as they were ticked', async () => {
  const user = userEvent.setup();
  const done = vi.fn();
  const one = { id: '1', name: 'one', state: 'building' };
  const two = { id: '2', name: 'two', state: 'running' };
  const { rerender } = render(<Table things={[one, two]} done={done} />);
  for (const box of screen.getAllByRole('checkbox').slice(1)) await user.click(box);
  rerender(<Table things={[{ ...one, state: 'running' }]} done={done} />);
  await user.click(screen.getByRole('button', { name: 'Actions' }));
  await user.click(screen.getByRole('menuitem', { name: 'Stop' }));
  await waitFor(() => expect(done.mock.calls).toEqual([[{ ...one, state: 'running' }]]));
});

test('an action says whether it did anything', async () => {
  const run = vi.fn(async () => undefined);
  expect(await perform({ id: 'a', text: 'A', run }, [])).toBe(false);
  expect(await perform({ id: 'a', text: 'A', run }, [{ id: '1' }])).toBe(true);
  expect(run).toHaveBeenCalledTimes(1);
});
