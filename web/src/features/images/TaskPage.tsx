import Box from '@cloudscape-design/components/box';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router-dom';
import { type Task, useTask } from '~/api/image';
import { useProjectName, useUserName } from '~/features/identity/names';
import { Copyable } from '~/ui/Copyable';
import { formatTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { TaskStatus } from './TaskStatus';

export default function TaskPage() {
  const { t } = useTranslation('images');
  const { id = '' } = useParams();
  const query = useTask(id);
  const data = query.data && { ...query.data, name: query.data.id };
  return (
    <ThingPage list={{ text: t('common:nav.items.imageTasks'), href: '/image-tasks' }} query={{ ...query, data }}>
      {(task) => <Details task={task} />}
    </ThingPage>
  );
}

function Details({ task }: { task: Task & { name: string } }) {
  const { t } = useTranslation('images');
  const project = useProjectName();
  const user = useUserName();
  return (
    <Thing
      thing={task}
      facts={[
        { label: t('tasks.what'), value: t(`tasks.kind.${task.type}`, { defaultValue: task.type }) },
        { label: t('common:statusLabel'), value: <TaskStatus status={task.status} /> },
        { label: t('message'), value: task.message || '–' },
        {
          label: t('tasks.image'),
          value: task.image_id ? <Go to={`/images/${task.image_id}`}>{task.image_id}</Go> : '–',
        },
        { label: t('common:project'), value: <Go to={`/projects/${task.owner}`}>{project(task.owner)}</Go> },
        { label: t('common:user'), value: task.user_id ? user(task.user_id) : '–' },
        { label: t('tasks.request'), value: task.request_id ? <Copyable text={task.request_id} /> : '–' },
        { label: t('begun'), value: formatTime(task.created_at) },
        { label: t('common:updated'), value: formatTime(task.updated_at) },
        { label: t('tasks.expires'), value: task.expires_at ? formatTime(task.expires_at) : '–' },
        { label: t('tasks.input'), value: <Box variant="code">{JSON.stringify(task.input ?? null)}</Box> },
      ]}
    />
  );
}
