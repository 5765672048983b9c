import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useDomains, useGroups, useProjects, useRoles, useUsers } from '~/api/identity';
import { FormModal } from '~/ui/FormModal';
import { CheckField, MultiField, RadioField, SelectField } from '~/ui/fields';
import type { Grant } from './grants';
import { give } from './mutations';
import { useDomainName } from './names';

/** The parts of a grant that are given by the page. */
export type Fixed = Partial<Pick<Grant, 'actor' | 'target' | 'role'>>;

interface Props {
  fixed: Fixed;
  /** The domain whose own roles can be given too. */
  domain?: string;
  onClose(): void;
}

interface Values {
  actorKind: 'user' | 'group';
  user: string;
  group: string;
  targetKind: Grant['target']['kind'];
  project: string;
  domain: string;
  roles: string[];
  inherited: boolean;
}

export function AssignForm({ fixed, domain, onClose }: Props) {
  const { t } = useTranslation('identity');
  const form = useForm<Values>({
    mode: 'onChange',
    defaultValues: {
      actorKind: 'user',
      user: '',
      group: '',
      targetKind: fixed.target?.kind ?? 'project',
      project: '',
      domain: '',
      roles: [],
      inherited: false,
    },
  });
  const [actorKind, targetKind] = form.watch(['actorKind', 'targetKind']);
  return (
    <FormModal
      title={t('grant.give')}
      submitLabel={t('grant.give')}
      form={form}
      onClose={onClose}
      onSubmit={async (values) => {
        const actor = fixed.actor ?? { kind: values.actorKind, id: values[values.actorKind] };
        const target =
          fixed.target ??
          (values.targetKind === 'system'
            ? { kind: 'system' as const }
            : { kind: values.targetKind, id: values[values.targetKind] });
        const roles = fixed.role ? [fixed.role] : values.roles;
        await Promise.all(roles.map((role) => give({ actor, target, role, inherited: values.inherited })));
      }}
    >
      {!fixed.actor && (
        <>
          <RadioField
            control={form.control}
            name="actorKind"
            label={t('grant.actor')}
            options={[
              { value: 'user', label: t('grant.user') },
              { value: 'group', label: t('grant.group') },
            ]}
          />
          {actorKind === 'user' ? <Users form={form} /> : <Groups form={form} />}
        </>
      )}
      {!fixed.target && (
        <>
          <RadioField
            control={form.control}
            name="targetKind"
            label={t('grant.target')}
            options={[
              { value: 'project', label: t('grant.project') },
              { value: 'domain', label: t('grant.domain') },
              { value: 'system', label: t('grant.system'), description: t('grant.systemText') },
            ]}
          />
          {targetKind === 'project' && <Projects form={form} />}
          {targetKind === 'domain' && <Domains form={form} />}
        </>
      )}
      {!fixed.role && <Roles form={form} domain={domain} />}
      {targetKind !== 'system' && (
        <CheckField
          control={form.control}
          name="inherited"
          label={t('grant.below')}
          description={t('grant.belowText')}
        />
      )}
    </FormModal>
  );
}

type Form = ReturnType<typeof useForm<Values>>;

// Each list is asked for only where it is chosen from.

function Users({ form }: { form: Form }) {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  const options = (useUsers().data ?? []).map((u) => ({
    value: u.id,
    label: u.name,
    description: domain(u.domain_id),
  }));
  return <SelectField control={form.control} name="user" label={t('grant.user')} options={options} />;
}

function Groups({ form }: { form: Form }) {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  const options = (useGroups().data ?? []).map((g) => ({
    value: g.id,
    label: g.name,
    description: domain(g.domain_id),
  }));
  return <SelectField control={form.control} name="group" label={t('grant.group')} options={options} />;
}

function Projects({ form }: { form: Form }) {
  const { t } = useTranslation('identity');
  const domain = useDomainName();
  const options = (useProjects().data ?? []).map((p) => ({
    value: p.id,
    label: p.name,
    description: domain(p.domain_id),
  }));
  return <SelectField control={form.control} name="project" label={t('grant.project')} options={options} />;
}

function Domains({ form }: { form: Form }) {
  const { t } = useTranslation('identity');
  const options = (useDomains().data ?? []).map((d) => ({ value: d.id, label: d.name }));
  return <SelectField control={form.control} name="domain" label={t('grant.domain')} options={options} />;
}

function Roles({ form, domain = '' }: { form: Form; domain?: string }) {
  const { t } = useTranslation('identity');
  const all = useRoles().data ?? [];
  const own = useRoles(domain).data ?? [];
  const options = [...all, ...(domain ? own : [])].map((r) => ({
    value: r.id,
    label: r.name,
    description: r.description ?? undefined,
  }));
  return <MultiField control={form.control} name="roles" label={t('grant.roles')} options={options} min={1} />;
}
