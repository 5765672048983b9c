import { type UseFormReturn, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Router } from '~/api/network';
import { create, type Fields, update } from '~/api/networkWrite';
import { useSession } from '~/app/useSession';
import { FormModal } from '~/ui/FormModal';
import { CheckField, TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { maxLength } from '~/ui/rules';
import { GatewayFields, type GatewayPart } from './GatewayFields';
import { type GatewayValues, gatewayFields, setGateway } from './mutations';

interface Values extends GatewayPart {
  name: string;
  description: string;
  adminUp: boolean;
}

const noGateway: GatewayValues = { network: '', snat: true, subnet: '', address: '', qos: '' };

/** The dialog for a new router, or for a change of one. */
export function RouterForm({ before, onClose }: { before?: Router; onClose(): void }) {
  const { t } = useTranslation('routers');
  const { isAdmin } = useSession();
  const form = useForm<Values>({
    mode: 'onChange',
    defaultValues: {
      name: before?.name ?? '',
      description: before?.description ?? '',
      adminUp: before?.admin_state_up ?? true,
      gateway: noGateway,
    },
  });
  const submit = async (v: Values) => {
    const fields: Fields = { name: v.name.trim(), description: v.description, admin_state_up: v.adminUp };
    if (before) await update('router', before.id, fields);
    else {
      const gateway = gatewayFields(v.gateway, { admin: isAdmin });
      await create<Router>('router', gateway ? { ...fields, external_gateway_info: gateway } : fields);
    }
    notify.success(t(before ? 'changed' : 'created', { name: v.name }));
  };
  return (
    <FormModal
      title={before ? t('editTitle', { name: nameOf(before) }) : t('createTitle')}
      submitLabel={before ? t('common:save') : t('create')}
      form={form}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField control={form.control} name="name" label={t('common:name')} autoFocus rule={maxLength(255)} />
      <TextField
        control={form.control}
        name="description"
        label={t('common:description')}
        optional
        rule={maxLength(255)}
      />
      <CheckField control={form.control} name="adminUp" label={t('adminUp')} description={t('adminUpHint')} />
      {/* The gateway is a part of this form, which the types of forms cannot say. */}
      {!before && <GatewayFields form={form as unknown as UseFormReturn<GatewayPart>} optional />}
    </FormModal>
  );
}

/** The dialog that gives a router another gateway, or changes the one it has. */
export function GatewayForm({ router, onClose }: { router: Router; onClose(): void }) {
  const { t } = useTranslation('routers');
  const { isAdmin } = useSession();
  const now = router.external_gateway_info;
  const form = useForm<GatewayPart>({
    mode: 'onChange',
    defaultValues: {
      gateway: now
        ? { ...noGateway, network: now.network_id, snat: now.enable_snat, qos: now.qos_policy_id ?? '' }
        : noGateway,
    },
  });
  return (
    <FormModal
      title={t('gateway.title', { name: nameOf(router) })}
      submitLabel={t('gateway.set')}
      form={form}
      onSubmit={async ({ gateway }) => {
        await setGateway(router.id, gatewayFields(gateway, { admin: isAdmin, policy: now?.qos_policy_id }));
        notify.success(t('gateway.done', { name: nameOf(router) }));
      }}
      onClose={onClose}
    >
      <GatewayFields form={form} optional={false} />
    </FormModal>
  );
}
