import { render, screen } from '@testing-library/react';
import { MemoryRouter, Route, Routes } from 'react-router-dom';
import { beforeAll, expect, test, vi } from 'vitest';
import type { Task } from '~/api/image';
import { startWords } from '~/test/words';
import words from './en.json';
import TaskPage from './TaskPage';
import TasksPage from './TasksPage';

const task: Task = {
  id: 'the-task',
  type: 'api_image_import',
  status: 'failure',
  owner: 'p',
  user_id: 'u',
  image_id: 'the-image',
  message: 'The host example.org is not allowed.',
  input: { import_req: { method: { name: 'web-download' } } },
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:01:00Z',
};

vi.mock('~/api/image', () => ({ useTasks: () => ({ data: [task] }), useTask: () => ({ data: task }) }));
vi.mock('~/features/identity/names', () => ({
  useProjectName: () => (id: string) => `project ${id}`,
  useUserName: () => (id: string) => `user ${id}`,
}));

beforeAll(() => startWords('images', words));

const show = (at: string) =>
  render(
    <MemoryRouter initialEntries={[at]}>
      <Routes>
        <Route path="/image-tasks" element={<TasksPage />} />
        <Route path="/image-tasks/:id" element={<TaskPage />} />
      </Routes>
    </MemoryRouter>,
  );

test('tasks of all projects are listed', () => {
  show('/image-tasks');
  for (const text of ['the-task', words.tasks.kind.api_image_import, words.task.failure, 'project p'])
    expect(screen.getAllByText(text).length, text).toBeGreaterThan(0);
});

test('a task says why it failed, and of which image it is', () => {
  show('/image-tasks/the-task');
  for (const text of ['The host example.org is not allowed.', 'the-image', 'user u', /web-download/])
    expect(screen.getAllByText(text).length, String(text)).toBeGreaterThan(0);
});
