import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter } from 'react-router-dom';
import { beforeAll, expect, test } from 'vitest';
import { startWords } from '~/test/words';
import { Confirmation } from './confirm';
import { ListPage } from './ListPage';
import { useEditDelete } from './useEditDelete';

beforeAll(() => startWords());

const things = [
  { id: '1', name: 'first' },
  { id: '2', name: 'kept' },
];

function List({ gone }: { gone: string[] }) {
  const { actions, dialog } = useEditDelete<{ id: string; name: string }>({
    edit: (thing, close) => (
      <button type="button" onClick={close}>
        editing {thing.name}
      </button>
    ),
    refused: (thing) => (thing.name === 'kept' ? 'It stays.' : undefined),
    question: (all) => ({ title: `Delete ${all[0]?.name}?`, body: 'For ever.' }),
    remove: async (thing) => gone.push(thing.name),
  });
  return (
    <MemoryRouter>
      <ListPage
        id="test-things"
        path="/things"
        title="Things"
        query={{ data: things, error: null, isPending: false, isFetching: false, refetch: async () => undefined }}
        columns={[{ id: 'name', header: 'Name', cell: (one) => one.name, value: (one) => one.name }]}
        actions={actions}
        create={{
          text: 'New thing',
          form: (close) => (
            <button type="button" onClick={close}>
              the form
            </button>
          ),
        }}
        empty={{ title: 'Nothing' }}
        dialog={dialog}
      />
      <Confirmation />
    </MemoryRouter>
  );
}

const act = async (name: string) => {
  await userEvent.click(screen.getByRole('button', { name: 'Actions' }));
  await userEvent.click(screen.getByRole('menuitem', { name }));
};

test('the form of a new thing opens and closes', async () => {
  render(<List gone={[]} />);
  expect(document.title).toBe('Things – wisp');
  await userEvent.click(screen.getByTestId('create'));
  await userEvent.click(screen.getByText('the form'));
  expect(screen.queryByText('the form')).toBeNull();
});

test('a thing is changed', async () => {
  render(<List gone={[]} />);
  await userEvent.click(screen.getByRole('checkbox', { name: 'Select first' }));
  await act('Edit');
  await userEvent.click(screen.getByText('editing first'));
  expect(screen.queryByText('editing first')).toBeNull();
});

test('a thing is deleted when that was confirmed', async () => {
  const gone: string[] = [];
  render(<List gone={gone} />);
  await userEvent.click(screen.getByRole('checkbox', { name: 'Select first' }));
  await act('Delete');
  expect(screen.getByText('For ever.')).toBeTruthy();
  await userEvent.click(screen.getByTestId('confirm'));
  expect(gone).toEqual(['first']);
});

test('what is refused is not done', async () => {
  const gone: string[] = [];
  render(<List gone={gone} />);
  await userEvent.click(screen.getByRole('checkbox', { name: 'Select kept' }));
  await act('Delete');
  expect(screen.queryByTestId('confirm')).toBeNull();
  expect(gone).toEqual([]);
});
