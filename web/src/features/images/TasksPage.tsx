import { useTranslation } from 'react-i18next';
import { type Task, useTasks } from '~/api/image';
import { useProjectName } from '~/features/identity/names';
import { useColumns } from '~/ui/columns';
import { Go } from '~/ui/Go';
import { ListPage } from '~/ui/ListPage';
import { TaskStatus } from './TaskStatus';

type Row = Task & { name: string };

/** What the image service does and did for all projects, for administrators. */
export default function TasksPage() {
  const { t } = useTranslation('images');
  const column = useColumns<Row>();
  const project = useProjectName();
  const query = useTasks();
  const kind = (task: Task) => t(`tasks.kind.${task.type}`, { defaultValue: task.type });
  return (
    <ListPage<Row>
      id="image-tasks"
      path="/image-tasks"
      title={t('common:nav.items.imageTasks')}
      description={t('tasks.about')}
      query={{ ...query, data: query.data?.map((task) => ({ ...task, name: task.id })) }}
      columns={[
        {
          id: 'name',
          header: t('common:id'),
          cell: (task) => <Go to={`/image-tasks/${task.id}`}>{task.id}</Go>,
          value: (task) => task.id,
          width: 320,
        },
        column.text('kind', t('tasks.what'), kind, { width: 180 }),
        {
          id: 'status',
          header: t('common:statusLabel'),
          cell: (task) => <TaskStatus status={task.status} />,
          value: (task) => t(`task.${task.status}`),
          width: 140,
        },
        column.text('project', t('common:project'), (task) => project(task.owner), { width: 180 }),
        column.time('created', t('begun'), (task) => task.created_at, { width: 190 }),
        column.time('updated', t('common:updated'), (task) => task.updated_at, { width: 190 }),
      ]}
      empty={{ title: t('tasks.empty'), text: t('tasks.emptyText') }}
    />
  );
}
