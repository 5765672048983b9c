import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useProjects } from '~/api/identity';
import { type MeteringLabel, useMeteringLabels, useMeteringRules } from '~/api/metering';
import { useColumns } from '~/ui/columns';
import { ListPage } from '~/ui/ListPage';
import { LabelForm } from './LabelForm';
import { useLabelActions } from './useLabelActions';

export default function LabelList() {
  const { t } = useTranslation('metering');
  const navigate = useNavigate();
  const column = useColumns<MeteringLabel>();
  const rules = useMeteringRules().data ?? [];
  const projects = new Map((useProjects().data ?? []).map((p) => [p.id, p.name]));
  return (
    <ListPage
      id="metering"
      path="/metering"
      title={t('common:nav.items.metering')}
      description={t('about')}
      query={useMeteringLabels()}
      columns={[
        column.name('/metering'),
        column.text('routers', t('routers'), (l) =>
          l.shared ? t('ofAll') : t('ofOne', { name: projects.get(l.project_id) ?? l.project_id }),
        ),
        column.text('rules', t('rules'), (l) => rules.filter((r) => r.metering_label_id === l.id).length),
        column.description(),
        column.id(),
      ]}
      actions={useLabelActions()}
      create={{
        text: t('create'),
        // A label without rules counts nothing: its rules come next.
        form: (close) => <LabelForm onClose={close} onCreated={(l) => navigate(`/metering/${l.id}`)} />,
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  );
}
