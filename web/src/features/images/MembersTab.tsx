import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useProjects } from '~/api/identity';
import { type Image, type ImageMember, useImageMembers } from '~/api/image';
import { useSession } from '~/app/useSession';
import type { Action } from '~/ui/actions';
import { Copyable } from '~/ui/Copyable';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { formatTime } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { refusedChange } from './access';
import { addMember, answerMember, removeMember } from './mutations';

type Member = ImageMember & { id: string };

/** Projects that a shared image is shared with. Its owner adds and removes them; each answers for itself. */
export function MembersTab({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const who = useSession();
  const query = useImageMembers(image.id);
  const [adding, setAdding] = useState(false);
  const own = refusedChange(image, who) === undefined;
  const answer = (status: 'accepted' | 'rejected'): Action<Member> => ({
    id: status,
    text: t(`members.${status}Action`),
    refused: (m) => {
      if (m.member_id !== who.projectId && !who.isAdmin) return t('members.notYours');
      return m.status === status ? t('members.already') : undefined;
    },
    run: (m) => answerMember(image.id, m.member_id, status),
  });
  const remove: Action<Member> = {
    id: 'remove',
    text: t('common:remove'),
    danger: true,
    question: (members) => ({
      title: t('members.removeTitle', { count: members.length }),
      body: t('members.removeText'),
    }),
    run: (m) => removeMember(image.id, m.member_id),
  };
  const columns: Column<Member>[] = [
    {
      id: 'name',
      header: t('common:project'),
      cell: (m) => <Copyable text={m.member_id} />,
      value: (m) => m.member_id,
      width: 340,
    },
    {
      id: 'status',
      header: t('members.answer'),
      cell: (m) => t(`members.${m.status}`),
      value: (m) => t(`members.${m.status}`),
      width: 160,
    },
    { id: 'created', header: t('common:created'), cell: (m) => formatTime(m.created_at), value: (m) => m.created_at },
    { id: 'updated', header: t('common:updated'), cell: (m) => formatTime(m.updated_at), value: (m) => m.updated_at },
  ];
  return (
    <>
      <ResourceTable
        id="image-members"
        title={t('members.label')}
        query={{ ...query, data: query.data?.map((m) => ({ ...m, id: m.member_id })) }}
        columns={columns}
        actions={own ? [answer('accepted'), answer('rejected'), remove] : [answer('accepted'), answer('rejected')]}
        buttons={
          own && (
            <Button onClick={() => setAdding(true)} data-testid="add-member">
              {t('members.add')}
            </Button>
          )
        }
        empty={{ title: t('members.empty'), text: t('members.emptyText') }}
      />
      {adding && <MemberForm image={image} onClose={() => setAdding(false)} />}
    </>
  );
}

function MemberForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { isAdmin } = useSession();
  return isAdmin ? <ChooseMember image={image} onClose={onClose} /> : <TypeMember image={image} onClose={onClose} />;
}

function useMemberForm(image: Image) {
  const form = useForm({ mode: 'onChange', defaultValues: { member: '' } });
  return { form, submit: async (v: { member: string }) => void (await addMember(image.id, v.member.trim())) };
}

/** Members of a project cannot list others': they have been told the ID. */
function TypeMember({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const { form, submit } = useMemberForm(image);
  return (
    <FormModal title={t('members.add')} submitLabel={t('members.add')} form={form} onSubmit={submit} onClose={onClose}>
      <TextField
        control={form.control}
        name="member"
        label={t('members.project')}
        hint={t('members.projectHint')}
        autoFocus
      />
    </FormModal>
  );
}

function ChooseMember({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const projects = useProjects();
  const { form, submit } = useMemberForm(image);
  return (
    <FormModal title={t('members.add')} submitLabel={t('members.add')} form={form} onSubmit={submit} onClose={onClose}>
      <SelectField
        control={form.control}
        name="member"
        label={t('common:project')}
        status={projects.isPending ? 'loading' : 'finished'}
        options={(projects.data ?? [])
          .filter((p) => p.id !== image.owner)
          .map((p) => ({ value: p.id, label: p.name, description: p.id }))}
      />
    </FormModal>
  );
}
