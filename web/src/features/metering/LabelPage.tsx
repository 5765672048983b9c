import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { useProjects } from '~/api/identity';
import {
  type MeteringCount,
  type MeteringLabel,
  type MeteringRule,
  meteringCounters,
  useMeteringCounts,
  useMeteringLabel,
  useMeteringRules,
} from '~/api/metering';
import { useExtensions } from '~/api/network';
import { remove } from '~/api/networkWrite';
import { Copyable } from '~/ui/Copyable';
import { useColumns } from '~/ui/columns';
import { formatBytes, formatNumber, formatTime } from '~/ui/format';
import { Go } from '~/ui/Go';
import { ListTable } from '~/ui/ListPage';
import { Thing, ThingPage } from '~/ui/ThingPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { RuleForm } from './RuleForm';
import { endsOf } from './ruleForm';
import { useLabelActions } from './useLabelActions';

export default function LabelPage() {
  const { t } = useTranslation('metering');
  const { id = '' } = useParams();
  return (
    <ThingPage list={{ text: t('common:nav.items.metering'), href: '/metering' }} query={useMeteringLabel(id)}>
      {(label) => <Details label={label} />}
    </ThingPage>
  );
}

function Details({ label }: { label: MeteringLabel }) {
  const { t } = useTranslation('metering');
  const navigate = useNavigate();
  const actions = useLabelActions(() => navigate('/metering'));
  const projects = new Map((useProjects().data ?? []).map((p) => [p.id, p.name]));
  const project = projects.get(label.project_id) ?? label.project_id;
  const counting = useExtensions().data?.includes(meteringCounters) ?? false;
  const counts = useMeteringCounts(label.id, counting).data;
  const counted = (c: MeteringCount | undefined) =>
    c ? t('counted', { bytes: formatBytes(c.bytes), count: c.packets, packets: formatNumber(c.packets) }) : '–';
  // Both are written the same way, in UTC, so that the later one is the greater one.
  const last = [counts?.ingress.updated_at, counts?.egress.updated_at].sort().at(-1);
  return (
    <Thing
      thing={label}
      description={label.description}
      actions={actions}
      facts={[
        { label: t('common:id'), value: <Copyable text={label.id} /> },
        {
          label: t('common:project'),
          value: <Go to={`/projects/${label.project_id}`}>{project}</Go>,
        },
        { label: t('routers'), value: label.shared ? t('ofAll') : t('ofOne', { name: project }) },
        ...(counting
          ? [
              { label: t('directions.ingress'), value: counted(counts?.ingress) },
              { label: t('directions.egress'), value: counted(counts?.egress) },
              { label: t('last'), value: formatTime(last) },
            ]
          : []),
      ]}
      tabs={[{ id: 'rules', label: t('rules'), content: <Rules label={label} /> }]}
    />
  );
}

type Row = MeteringRule & { name: string };

function Rules({ label }: { label: MeteringLabel }) {
  const { t } = useTranslation('metering');
  const column = useColumns<Row>();
  const query = useMeteringRules();
  const rows = query.data
    ?.filter((r) => r.metering_label_id === label.id)
    .map((r): Row => ({ ...r, name: t(`directions.${r.direction}`) }));
  const { actions } = useEditDelete<Row>({
    question: (items) => ({
      title: t('deleteRuleTitle', { count: items.length }),
      body: t('deleteRuleText'),
    }),
    remove: (r) => remove('metering_label_rule', r.id),
  });
  return (
    <ListTable
      id="metering-rules"
      title={t('rules')}
      query={{ ...query, data: rows }}
      columns={[
        { ...column.name(), header: t('direction') },
        column.text('source', t('source'), (r) => endsOf(r).source ?? t('any')),
        column.text('destination', t('destination'), (r) => endsOf(r).destination ?? t('any')),
        column.text('counts', t('counts'), (r) => t(r.excluded ? 'leftOut' : 'isCounted')),
        column.id(),
      ]}
      actions={actions}
      create={{
        text: t('addRule'),
        testId: 'add-rule',
        form: (close) => <RuleForm label={label} onClose={close} />,
      }}
      empty={{ title: t('noRules'), text: t('noRulesText') }}
    />
  );
}
