import { useTranslation } from 'react-i18next';
import { type Sharable, useSharing } from '~/api/networkSharing';
import { ListTable } from '~/ui/ListPage';
import { ShareForm } from './ShareForm';
import { useShareActions } from './useShareActions';
import { useShareColumns } from './useShareColumns';

interface Props {
  kind: Sharable;
  thing: { id: string; name: string; project_id: string };
}

/** With whom a thing is shared, on the thing's own page. */
export function SharingTab({ kind, thing }: Props) {
  const { t } = useTranslation('sharing');
  const query = useSharing(thing.id);
  const { withWhom, how } = useShareColumns();
  const rows = query.data?.map((p) => ({ ...p, name: withWhom.value(p) }));
  return (
    <ListTable
      id="sharing-of"
      title={t('sharedWith')}
      description={t(`can.${kind}`)}
      query={{ ...query, data: rows }}
      columns={[{ ...withWhom, id: 'name' }, ...(kind === 'network' ? [how] : [])]}
      actions={useShareActions()}
      create={{
        text: t('share'),
        testId: 'share',
        form: (close) => <ShareForm kind={kind} thing={thing} has={query.data ?? []} onClose={close} />,
      }}
      empty={{ title: t('nobody'), text: t('nobodyText') }}
    />
  );
}
