import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Hypervisor, useComputeServices } from '~/api/compute';
import { type Action, opens } from '~/ui/actions';
import { DisableForm } from './DisableForm';
import { deleteService, updateService } from './mutations';

export type Host = Hypervisor & { name: string };

export const hostOf = (h: Hypervisor): Host => ({ ...h, name: h.hypervisor_hostname });

/** What can be done to hosts, by their compute services, and the dialog that it opens. */
export function useHostActions(onForgotten?: () => void): { actions: Action<Host>[]; dialog: ReactElement | null } {
  const { t } = useTranslation('hosts');
  const services = useComputeServices();
  const [disabled, setDisabled] = useState<Host>();
  const forced = (h: Host) => services.data?.find((s) => s.id === h.service.id)?.forced_down ?? false;
  return {
    dialog: disabled ? <DisableForm host={disabled} onClose={() => setDisabled(undefined)} /> : null,
    actions: [
      {
        id: 'enable',
        text: t('enable'),
        refused: (h) => (h.status === 'enabled' ? t('refusedEnabled') : undefined),
        run: (h) => updateService(h.service.id, { status: 'enabled' }),
      },
      opens({
        id: 'disable',
        text: t('disable'),
        refused: (h: Host) => (h.status === 'disabled' ? t('refusedDisabled') : undefined),
        open: (h: Host) => setDisabled(h),
      }),
      {
        id: 'force-down',
        text: t('forceDown'),
        danger: true,
        refused: (h) => (forced(h) ? t('refusedForced') : undefined),
        question: (items) => ({
          title: t('forceDownTitle', { count: items.length, name: items[0]?.name }),
          body: t('forceDownText'),
        }),
        run: (h) => updateService(h.service.id, { forced_down: true }),
      },
      {
        id: 'unforce',
        text: t('unforce'),
        refused: (h) => (forced(h) ? undefined : t('refusedUnforced')),
        run: (h) => updateService(h.service.id, { forced_down: false }),
      },
      {
        id: 'forget',
        text: t('forget'),
        danger: true,
        refused: (h) => {
          if (h.state === 'up') return t('refusedUp');
          return (h.servers ?? []).length > 0 ? t('refusedInstances') : undefined;
        },
        question: (items) => ({
          title: t('forgetTitle', { count: items.length, name: items[0]?.name }),
          body: t('forgetText'),
        }),
        run: async (h) => {
          await deleteService(h.service.id);
          onForgotten?.();
        },
      },
    ],
  };
}
