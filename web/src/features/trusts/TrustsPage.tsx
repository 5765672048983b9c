import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Trust, useTrusts } from '~/api/delegation';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { TrustForm } from './TrustForm';
import { useTrustActions } from './useTrustActions';
import { useTrustWords } from './useTrustWords';

type Row = Trust & { name: string };

/** Whom I let act for me, and who lets me. */
export default function TrustsPage() {
  const { t } = useTranslation('trusts');
  const { body } = useSession();
  const column = useColumns<Row>();
  const words = useTrustWords();
  const given = useTrusts('trustor', body.user.id);
  const received = useTrusts('trustee', body.user.id);
  const title = t('common:nav.items.trusts');
  const rows = (trusts: Trust[] | undefined, other: 'trustor_user_id' | 'trustee_user_id') =>
    trusts?.map((trust): Row => ({ ...trust, name: words.user(trust[other]) }));
  const columns = (who: string): Column<Row>[] => [
    { ...column.name('/trusts'), header: who },
    column.text('project', t('common:project'), words.project),
    column.text('ends', t('ends'), words.ends),
    column.text('uses', t('usesLeft'), words.uses),
    column.flag('impersonation', t('inName'), (trust) => trust.impersonation, { width: 170 }),
    column.id(),
  ];
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/trusts' }]} />
      <SpaceBetween size="l">
        <ListTable<Row>
          id="trusts-given"
          title={t('given')}
          description={t('givenText')}
          query={{ ...given, data: rows(given.data, 'trustee_user_id') }}
          columns={columns(t('trustee'))}
          actions={useTrustActions<Row>()}
          create={{ text: t('create'), form: (close) => <TrustForm onClose={close} /> }}
          empty={{ title: t('noneGiven'), text: t('noneGivenText') }}
        />
        <ResourceTable<Row>
          id="trusts-received"
          title={t('received')}
          query={{ ...received, data: rows(received.data, 'trustor_user_id') }}
          columns={columns(t('trustor'))}
          empty={{ title: t('noneReceived') }}
        />
      </SpaceBetween>
    </>
  );
}
