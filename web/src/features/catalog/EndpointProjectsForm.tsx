import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { endpointPlace, given, useEndpointProjects } from '~/api/endpointGroups';
import { type Endpoint, type Project, useProjects } from '~/api/identity';
import { write } from '~/api/write';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { difference } from './endpointGroup';

interface Props {
  endpoint: Endpoint;
  onClose(): void;
}

/** The dialog for the projects that are given an endpoint by itself, beside what they have by groups. */
export function EndpointProjectsForm({ endpoint, onClose }: Props) {
  const has = useEndpointProjects(endpoint.id).data;
  const projects = useProjects().data;
  return has && projects ? <Form endpoint={endpoint} has={has} projects={projects} onClose={onClose} /> : null;
}

function Form({ endpoint, has, projects, onClose }: Props & { has: Project[]; projects: Project[] }) {
  const { t } = useTranslation('catalog');
  const before = has.map((p) => p.id);
  const form = useForm({ mode: 'onChange', defaultValues: { projects: before } });
  return (
    <FormModal
      title={t('giveEndpointTitle')}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ projects: after }) => {
        const { add, remove } = difference(before, after);
        await Promise.all([
          ...add.map((id) => write(given, 'identity', 'PUT', endpointPlace(endpoint.id, id))),
          ...remove.map((id) => write(given, 'identity', 'DELETE', endpointPlace(endpoint.id, id))),
        ]);
      }}
    >
      <div>{endpoint.url}</div>
      <MultiField
        control={form.control}
        name="projects"
        label={t('common:projects')}
        description={t('giveEndpointText')}
        options={projects.map((p) => ({ value: p.id, label: p.name, description: p.id }))}
      />
    </FormModal>
  );
}
