import Button from '@cloudscape-design/components/button';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Router, useExtensions, usePorts, useRouter, useSubnets } from '~/api/network';
import type { Action } from '~/ui/actions';
import { FormModal } from '~/ui/FormModal';
import { TextField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { ResourceTable } from '~/ui/ResourceTable';
import { nextHop, type Route, routeDestination } from '~/ui/subnetRules';
import { addRoute, atomicRoutes, removeRoute } from './mutations';

type Row = Route & { id: string; name: string };

/** The static routes of a router. */
export function RoutesTab({ router }: { router: Router }) {
  const { t } = useTranslation('routers');
  const atomic = useExtensions().data?.includes(atomicRoutes) ?? false;
  const [adding, setAdding] = useState(false);
  const query = useRouter(router.id);
  const rows = router.routes.map(
    (r): Row => ({ ...r, id: `${r.destination} ${r.nexthop}`, name: `${r.destination} → ${r.nexthop}` }),
  );
  const actions: Action<Row>[] = [
    {
      id: 'remove',
      text: t('removeRoute'),
      danger: true,
      question: (items) => ({
        title: t('removeRouteTitle', { count: items.length }),
        body: t('removeRouteText', { routes: items.map((r) => r.name).join(', ') }),
      }),
      run: ({ destination, nexthop }) => removeRoute(router, { destination, nexthop }, atomic),
    },
  ];
  return (
    <>
      <ResourceTable
        id="routes"
        title={t('routes')}
        query={{ ...query, data: rows }}
        columns={[
          { id: 'name', header: t('destination'), cell: (r) => r.destination, value: (r) => r.destination },
          { id: 'nexthop', header: t('nexthop'), cell: (r) => r.nexthop, value: (r) => r.nexthop },
        ]}
        actions={actions}
        buttons={
          <Button variant="primary" onClick={() => setAdding(true)} data-testid="add-route">
            {t('addRoute')}
          </Button>
        }
        empty={{ title: t('noRoutes'), text: t('noRoutesText') }}
      />
      {adding && <RouteForm router={router} atomic={atomic} onClose={() => setAdding(false)} />}
    </>
  );
}

function RouteForm({ router, atomic, onClose }: { router: Router; atomic: boolean; onClose(): void }) {
  const { t } = useTranslation('routers');
  const ports = usePorts({ device_id: router.id }).data ?? [];
  const subnets = useSubnets().data ?? [];
  const form = useForm<Route>({ mode: 'onChange', defaultValues: { destination: '', nexthop: '' } });
  const legs = ports.flatMap((p) => p.fixed_ips);
  const ranges = legs.flatMap((ip) => subnets.find((s) => s.id === ip.subnet_id)?.cidr ?? []);
  return (
    <FormModal
      title={t('addRouteTitle', { name: nameOf(router) })}
      submitLabel={t('addRoute')}
      form={form}
      onSubmit={async (v) => {
        await addRoute(router, { destination: v.destination.trim(), nexthop: v.nexthop.trim() }, atomic);
        notify.success(t('routeAdded', { name: nameOf(router) }));
      }}
      onClose={onClose}
    >
      <TextField
        control={form.control}
        name="destination"
        label={t('destination')}
        placeholder="10.1.0.0/16"
        autoFocus
        rule={routeDestination}
      />
      <TextField
        control={form.control}
        name="nexthop"
        label={t('nexthop')}
        hint={t('nexthopHint')}
        rule={nextHop(
          ranges,
          legs.map((ip) => ip.ip_address),
        )}
      />
    </FormModal>
  );
}
