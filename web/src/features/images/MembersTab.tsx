import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Image, useImageMembers } from '~/api/image';
import type { Action } from '~/ui/actions';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { formatTime } from '~/ui/format';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { addMember, removeMember } from './mutations';

interface Row {
  id: string;
  status: string;
  created: string;
}

/** The projects that a shared image is shared with. */
export function MembersTab({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const members = useImageMembers(image.id, true);
  const [adding, setAdding] = useState(false);
  const rows = members.data?.map((m): Row => ({ id: m.member_id, status: m.status, created: m.created_at }));
  const columns: Column<Row>[] = [
    { id: 'name', header: t('member'), cell: (m) => m.id, value: (m) => m.id, width: 320 },
    {
      id: 'status',
      header: t('common:statusLabel'),
      cell: (m) => t(`memberStatus.${m.status}`),
      value: (m) => t(`memberStatus.${m.status}`),
    },
    { id: 'created', header: t('since'), cell: (m) => formatTime(m.created), value: (m) => m.created },
  ];
  const actions: Action<Row>[] = [
    {
      id: 'remove',
      text: t('common:remove'),
      question: (items) => ({ title: t('unshareTitle', { count: items.length }), body: t('unshareText') }),
      run: (m) => removeMember(image.id, m.id),
    },
  ];
  return (
    <>
      <ResourceTable
        id="members"
        title={t('tab.members')}
        query={{ ...members, data: rows }}
        columns={columns}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setAdding(true)} data-testid="add-member">
            {t('share')}
          </Button>
        }
        empty={{ title: t('noMembers'), text: t('noMembersText') }}
      />
      {adding && <AddForm image={image} onClose={() => setAdding(false)} />}
    </>
  );
}

function AddForm({ image, onClose }: { image: Image; onClose(): void }) {
  const { t } = useTranslation('images');
  const form = useForm({ mode: 'onChange', defaultValues: { member: '' } });
  return (
    <FormModal
      title={t('shareTitle')}
      submitLabel={t('share')}
      form={form}
      onSubmit={({ member }) => addMember(image.id, member.trim())}
      onClose={onClose}
    >
      <TextField control={form.control} name="member" label={t('member')} description={t('memberText')} autoFocus />
    </FormModal>
  );
}
