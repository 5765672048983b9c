import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Port, useSecurityGroups } from '~/api/network';
import { update } from '~/api/networkWrite';
import { FormModal } from '~/ui/FormModal';
import { MultiField } from '~/ui/fields';
import { nameOf } from '~/ui/format';

/** The security groups of one interface. */
export function PortGroupsForm({ port, onClose }: { port: Port; onClose(): void }) {
  const { t } = useTranslation('instance');
  const groups = useSecurityGroups(port.project_id).data ?? [];
  const form = useForm({ mode: 'onChange', defaultValues: { groups: port.security_groups } });
  return (
    <FormModal
      title={t('portGroups.title', { name: port.fixed_ips[0]?.ip_address ?? nameOf(port) })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={(v) => update('port', port.id, { security_groups: v.groups })}
    >
      <MultiField
        control={form.control}
        name="groups"
        label={t('securityGroups')}
        description={t('portGroups.text')}
        options={groups.map((g) => ({ value: g.id, label: nameOf(g), description: g.description }))}
      />
    </FormModal>
  );
}
