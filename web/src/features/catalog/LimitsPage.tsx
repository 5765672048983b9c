import SpaceBetween from '@cloudscape-design/components/space-between';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Limit, type RegisteredLimit, useLimits, useRegisteredLimits } from '~/api/catalog';
import { useProjects, useServices } from '~/api/identity';
import { write } from '~/api/write';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { ListTable } from '~/ui/ListPage';
import { Crumbs } from '~/ui/Page';
import { maxLength, wholeNumber } from '~/ui/rules';
import { useEditDelete } from '~/ui/useEditDelete';

/** The largest limit of the API; -1 is none. */
const most = 2 ** 31 - 1;

type RegisteredRow = RegisteredLimit & { name: string };
type LimitRow = Limit & { name: string };

/** The unified limits: those that hold for every project, and those that projects have for themselves. */
export default function LimitsPage() {
  const { t } = useTranslation('catalog');
  const registered = useRegisteredLimits();
  const limits = useLimits();
  const services = new Map((useServices().data ?? []).map((s) => [s.id, s.name || s.type]));
  const projects = new Map((useProjects().data ?? []).map((p) => [p.id, p.name]));
  const service = (l: { service_id: string }) => services.get(l.service_id) ?? l.service_id;
  const amount = (n: number) => (n < 0 ? t('unlimited') : n);
  const standard = useColumns<RegisteredRow>();
  const own = useColumns<LimitRow>();
  const title = t('common:nav.items.limits');
  const ofAll = useEditDelete<RegisteredRow>({
    edit: (before, close) => <RegisteredForm before={before} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.resource_name }),
      body: t('deleteRegisteredText'),
    }),
    remove: (l) => write(['registered_limit'], 'identity', 'DELETE', `/registered_limits/${l.id}`),
  });
  const ofOne = useEditDelete<LimitRow>({
    edit: (before, close) => <LimitForm before={before} registered={registered.data ?? []} onClose={close} />,
    question: (items) => ({
      title: t('deleteTitle', { count: items.length, name: items[0]?.resource_name }),
      body: t('deleteLimitText'),
    }),
    remove: (l) => write(['limit'], 'identity', 'DELETE', `/limits/${l.id}`),
  });
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/limits' }]} />
      <SpaceBetween size="l">
        <ListTable<RegisteredRow>
          id="registered-limits"
          title={t('registered')}
          description={t('registeredText')}
          query={{ ...registered, data: registered.data?.map((l) => ({ ...l, name: l.resource_name })) }}
          columns={[
            { ...standard.name(), header: t('resource') },
            standard.text('service', t('service'), service),
            standard.text('region', t('common:region'), (l) => l.region_id ?? t('allRegions')),
            standard.text('limit', t('limit'), (l) => amount(l.default_limit)),
            standard.description(),
          ]}
          actions={ofAll.actions}
          create={{ text: t('addRegistered'), form: (close) => <RegisteredForm onClose={close} /> }}
          empty={{ title: t('noRegistered') }}
          dialog={ofAll.dialog}
        />
        <ListTable<LimitRow>
          id="project-limits"
          title={t('ownLimits')}
          query={{ ...limits, data: limits.data?.map((l) => ({ ...l, name: l.resource_name })) }}
          columns={[
            { ...own.name(), header: t('resource') },
            own.text('service', t('service'), service),
            own.text('project', t('common:project'), (l) =>
              l.project_id ? (projects.get(l.project_id) ?? l.project_id) : l.domain_id,
            ),
            own.text('limit', t('limit'), (l) => amount(l.resource_limit)),
            own.description(),
          ]}
          actions={ofOne.actions}
          create={{
            text: t('addLimit'),
            testId: 'create-limit',
            secondary: true,
            form: (close) => <LimitForm registered={registered.data ?? []} onClose={close} />,
          }}
          empty={{ title: t('noLimits'), text: t('noLimitsText') }}
          dialog={ofOne.dialog}
        />
      </SpaceBetween>
    </>
  );
}

function RegisteredForm({ before, onClose }: { before?: RegisteredLimit; onClose(): void }) {
  const { t } = useTranslation('catalog');
  const services = useServices().data ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      service: before?.service_id ?? '',
      resource: before?.resource_name ?? '',
      limit: before ? String(before.default_limit) : '',
      description: before?.description ?? '',
    },
  });
  return (
    <FormModal
      title={before ? t('editLimit', { name: before.resource_name }) : t('addRegistered')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const fields = {
          service_id: v.service,
          resource_name: v.resource.trim(),
          default_limit: Number(v.limit),
          ...(v.description && { description: v.description }),
        };
        const path = '/registered_limits';
        if (before) {
          const change = { default_limit: fields.default_limit, description: v.description || null };
          await write(['registered_limit'], 'identity', 'PATCH', `${path}/${before.id}`, { registered_limit: change });
        } else await write(['registered_limit'], 'identity', 'POST', path, { registered_limits: [fields] });
      }}
    >
      <SelectField
        control={form.control}
        name="service"
        label={t('service')}
        disabled={before !== undefined}
        options={services.map((s) => ({ value: s.id, label: s.name || s.type }))}
      />
      <TextField
        control={form.control}
        name="resource"
        label={t('resource')}
        disabled={before !== undefined}
        rule={maxLength(255)}
      />
      <TextField
        control={form.control}
        name="limit"
        label={t('limit')}
        hint={t('limitHint')}
        inputMode="numeric"
        rule={wholeNumber(-1, most)}
      />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
    </FormModal>
  );
}

interface LimitProps {
  before?: Limit;
  /** What a project can have a limit of. */
  registered: RegisteredLimit[];
  onClose(): void;
}

function LimitForm({ before, registered, onClose }: LimitProps) {
  const { t } = useTranslation('catalog');
  const projects = useProjects().data ?? [];
  const form = useForm({
    mode: 'onChange',
    defaultValues: {
      of: '',
      project: '',
      limit: before ? String(before.resource_limit) : '',
      description: before?.description ?? '',
    },
  });
  return (
    <FormModal
      title={before ? t('editLimit', { name: before.resource_name }) : t('addLimit')}
      submitLabel={before ? t('common:save') : t('common:create')}
      form={form}
      onClose={onClose}
      onSubmit={async (v) => {
        const fields = { resource_limit: Number(v.limit), description: v.description || null };
        if (before) {
          await write(['limit'], 'identity', 'PATCH', `/limits/${before.id}`, { limit: fields });
          return;
        }
        const of = registered.find((l) => l.id === v.of);
        const limit = {
          ...fields,
          project_id: v.project,
          service_id: of?.service_id,
          resource_name: of?.resource_name,
          ...(of?.region_id && { region_id: of.region_id }),
        };
        await write(['limit'], 'identity', 'POST', '/limits', { limits: [limit] });
      }}
    >
      {!before && (
        <>
          <SelectField
            control={form.control}
            name="of"
            label={t('resource')}
            options={registered.map((l) => ({ value: l.id, label: l.resource_name }))}
          />
          <SelectField
            control={form.control}
            name="project"
            label={t('common:project')}
            options={projects.map((p) => ({ value: p.id, label: p.name }))}
          />
        </>
      )}
      <TextField
        control={form.control}
        name="limit"
        label={t('limit')}
        hint={t('limitHint')}
        inputMode="numeric"
        rule={wholeNumber(-1, most)}
      />
      <TextField control={form.control} name="description" label={t('common:description')} optional />
    </FormModal>
  );
}
