import { useTranslation } from 'react-i18next';
import { type AccessRule, useAccessRules, useApplicationCredentials } from '~/api/identity';
import { useSession } from '~/app/useSession';
import { useColumns } from '~/ui/columns';
import { ListTable } from '~/ui/ListPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { usersOf, writeRule } from './accessRules';
import { deleteAccessRule } from './mutations';

type Row = AccessRule & { name: string };

/** The rules that the user's credentials were made with: they stay when the credentials go. */
export function AccessRules() {
  const { t } = useTranslation('credentials');
  const { body } = useSession();
  const column = useColumns<Row>();
  const query = useAccessRules(body.user.id);
  const credentials = useApplicationCredentials(body.user.id).data ?? [];
  const users = (r: AccessRule) => usersOf(r, credentials).join(', ');
  const { actions } = useEditDelete<Row>({
    refused: (r) => (users(r) ? t('ruleUsed', { names: users(r) }) : undefined),
    question: (items) => ({
      title: t('deleteRuleTitle', { count: items.length, name: items[0]?.name }),
      body: t('deleteRuleText'),
    }),
    remove: (r) => deleteAccessRule(body.user.id, r.id),
  });
  return (
    <ListTable<Row>
      id="access-rules"
      title={t('accessRules')}
      description={t('accessRulesText')}
      query={{ ...query, data: query.data?.map((r) => ({ ...r, name: writeRule(r) })) }}
      columns={[
        { ...column.name(undefined, 360), header: t('rule') },
        column.text('users', t('usedBy'), users),
        column.id(),
      ]}
      actions={actions}
      empty={{ title: t('noAccessRules') }}
    />
  );
}
