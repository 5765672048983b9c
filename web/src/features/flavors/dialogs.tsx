import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Flavor, useFlavorAccess } from '~/api/compute';
import { type Project, useProjects } from '~/api/identity';
import { useKnown } from '~/features/metadefs/known';
import { FormModal } from '~/ui/FormModal';
import { MultiField, TextField } from '~/ui/fields';
import { PairsField, pairsChange, pairsOf } from '~/ui/PairsField';
import { all } from '~/ui/rules';
import { describeFlavor, setAccess, setSpecs } from './mutations';
import { descriptionRule, specKey, specValue } from './rules';
import { knownSpecs, mergeKnown, unknownSpec } from './specs';

interface Props {
  flavor: Flavor;
  onClose(): void;
}

export function DescriptionForm({ flavor, onClose }: Props) {
  const { t } = useTranslation('flavors');
  const form = useForm({ mode: 'onChange', defaultValues: { description: flavor.description ?? '' } });
  return (
    <FormModal
      title={t('edit.title', { name: flavor.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={({ description }) => describeFlavor(flavor.id, description)}
    >
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        hint={t('edit.hint')}
        rule={descriptionRule}
        optional
        autoFocus
      />
    </FormModal>
  );
}

export function SpecsForm({ flavor, onClose }: Props) {
  const { t } = useTranslation('flavors');
  const known = mergeKnown(knownSpecs(t), useKnown('OS::Nova::Flavor'));
  const before = flavor.extra_specs ?? {};
  const form = useForm({ mode: 'onChange', defaultValues: { pairs: pairsOf(before) } });
  return (
    <FormModal
      title={t('specs.title', { name: flavor.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={({ pairs }) => setSpecs(flavor.id, pairsChange(before, pairs))}
    >
      <p>{t('specs.text')}</p>
      <PairsField
        control={form.control}
        name="pairs"
        label={t('specs.label')}
        empty={t('specs.none')}
        addLabel={t('specs.add')}
        keyRule={all(specKey, unknownSpec)}
        valueRule={specValue}
        known={known}
      />
    </FormModal>
  );
}

/** Waits for what the form begins with. */
export function AccessForm({ flavor, onClose }: Props) {
  const access = useFlavorAccess(flavor.id);
  const projects = useProjects();
  if (!access.data || !projects.data) return null;
  return <Access flavor={flavor} before={access.data} projects={projects.data} onClose={onClose} />;
}

function Access({ flavor, before, projects, onClose }: Props & { before: string[]; projects: Project[] }) {
  const { t } = useTranslation('flavors');
  const form = useForm({ mode: 'onChange', defaultValues: { projects: before } });
  // Projects that are gone may still be named; they can be taken off the list.
  const gone = before.filter((id) => !projects.some((p) => p.id === id));
  return (
    <FormModal
      title={t('access.title', { name: flavor.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={(values) => setAccess(flavor.id, before, values.projects)}
    >
      <MultiField
        control={form.control}
        name="projects"
        label={t('access.projects')}
        description={t('access.text')}
        options={[
          ...projects.map((p) => ({ value: p.id, label: p.name, description: p.id })),
          ...gone.map((id) => ({ value: id, label: id })),
        ]}
        optional
      />
    </FormModal>
  );
}
