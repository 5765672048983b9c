import Button from '@cloudscape-design/components/button';
import Toggle from '@cloudscape-design/components/toggle';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type RoleAssignment, useRoleAssignments } from '~/api/identity';
import { Go } from '~/ui/Go';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { AssignForm, type Fixed } from './AssignForm';
import { grantOf, grantPath, viaOf } from './grants';
import { take } from './mutations';
import { useGroupName, useRoleName } from './names';

interface Props {
  /** Of the table. */
  id: string;
  title: string;
  description?: string;
  /** Which assignments: parameters of the API. */
  filter: Record<string, string>;
  /** What is the same in all of them, and is not asked for in a new one. */
  fixed: Fixed;
  /** The domain whose own roles can be given here. */
  domain?: string;
  /** Offers to show what the assignments amount to. */
  effective?: boolean;
}

type Row = RoleAssignment & { id: string; name: string };

/** Roles that users and groups have: given, taken, and what they amount to. */
export function Assignments(props: Props) {
  const { t } = useTranslation('identity');
  const [effective, setEffective] = useState(false);
  const [adding, setAdding] = useState(false);
  const query = useRoleAssignments({ ...props.filter, ...(effective && { effective: 'true' }) });
  const columns = useColumns(props.fixed, effective);
  const rows = query.data?.map((a): Row => {
    const path = grantPath(grantOf(a));
    return {
      ...a,
      // An effective one may come about by several ways.
      id: effective ? `${path} ${a.links.assignment}` : path,
      name: [a.user?.name ?? a.group?.name, a.role.name].join(': '),
    };
  });
  return (
    <>
      <ResourceTable
        key={String(effective)}
        id={effective ? `${props.id}-effective` : props.id}
        title={props.title}
        description={effective ? t('grant.effectiveText') : props.description}
        query={{ ...query, data: rows }}
        columns={columns}
        variant="container"
        actions={
          effective
            ? undefined
            : [
                {
                  id: 'take',
                  text: t('grant.take'),
                  danger: true,
                  question: (items) => ({
                    title: t('grant.takeTitle', { count: items.length, name: items[0]?.name }),
                    body: t('grant.takeText'),
                  }),
                  run: (a) => take(grantOf(a)),
                },
              ]
        }
        buttons={
          <>
            {props.effective && (
              <Toggle checked={effective} onChange={({ detail }) => setEffective(detail.checked)}>
                {t('grant.effective')}
              </Toggle>
            )}
            {!effective && (
              <Button onClick={() => setAdding(true)} data-testid="assign">
                {t('grant.give')}
              </Button>
            )}
          </>
        }
        empty={{ title: t('grant.empty') }}
      />
      {adding && <AssignForm fixed={props.fixed} domain={props.domain} onClose={() => setAdding(false)} />}
    </>
  );
}

function useColumns(fixed: Fixed, effective: boolean): Column<Row>[] {
  const { t } = useTranslation('identity');
  const groupName = useGroupName();
  const roleName = useRoleName();
  const inDomain = (name: string | undefined, domain: string | undefined) =>
    domain ? `${name ?? ''} (${domain})` : (name ?? '');
  const columns: Column<Row>[] = [];
  if (!fixed.actor) {
    columns.push(
      {
        id: 'name',
        header: t('grant.actor'),
        cell: (a) =>
          a.user ? (
            <Go to={`/users/${a.user.id}`}>{a.user.name ?? a.user.id}</Go>
          ) : (
            <Go to={`/groups/${a.group?.id}`}>{a.group?.name ?? a.group?.id}</Go>
          ),
        value: (a) => a.user?.name ?? a.group?.name,
      },
      {
        id: 'kind',
        header: t('grant.kind'),
        cell: (a) => t(a.user ? 'grant.user' : 'grant.group'),
        value: (a) => t(a.user ? 'grant.user' : 'grant.group'),
      },
      {
        id: 'domain',
        header: t('common:domain'),
        cell: (a) => (a.user ?? a.group)?.domain?.name ?? '–',
        value: (a) => (a.user ?? a.group)?.domain?.name,
      },
    );
  }
  if (!fixed.role) {
    columns.push({
      id: 'role',
      header: t('grant.role'),
      cell: (a) => <Go to={`/roles/${a.role.id}`}>{a.role.name ?? a.role.id}</Go>,
      value: (a) => a.role.name,
    });
  }
  if (!fixed.target) {
    const words = ({ scope: { project, domain } }: Row) => {
      if (project) return inDomain(project.name ?? project.id, project.domain?.name);
      return domain ? (domain.name ?? domain.id) : t('grant.wholeSystem');
    };
    columns.push(
      {
        id: 'target',
        header: t('grant.target'),
        cell: (a): ReactNode => {
          const { project, domain } = a.scope;
          if (project) return <Go to={`/projects/${project.id}`}>{words(a)}</Go>;
          return domain ? <Go to={`/domains/${domain.id}`}>{words(a)}</Go> : words(a);
        },
        value: words,
      },
      {
        id: 'targetKind',
        header: t('grant.targetKind'),
        cell: (a) => t(`grant.${grantOf(a).target.kind}`),
        value: (a) => t(`grant.${grantOf(a).target.kind}`),
      },
    );
  }
  const reach = (a: Row) => t(grantOf(a).inherited ? 'grant.below' : 'grant.itself');
  const via = (a: Row) => {
    const { group, role, inherited } = viaOf(a);
    const ways = [
      group && t('grant.viaGroup', { name: groupName(group) }),
      role && t('grant.viaRole', { name: roleName(role) }),
      inherited && t('grant.viaAbove'),
    ].filter(Boolean);
    return ways.join(', ') || t('grant.direct');
  };
  columns.push(
    effective
      ? { id: 'via', header: t('grant.via'), cell: via, value: via }
      : { id: 'reach', header: t('grant.reach'), cell: reach, value: reach },
  );
  return columns;
}
