import Alert from '@cloudscape-design/components/alert';
import FormField from '@cloudscape-design/components/form-field';
import Select from '@cloudscape-design/components/select';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { useNetworks } from '~/api/network';
import { useSession } from '~/app/useSession';
import { nameOf } from '~/ui/format';
import { notify } from '~/ui/notify';
import { type Choice, Choices } from './Choices';
import { allocate, associate } from './mutations';
import { reachable } from './reach';
import { useTargets } from './useTargets';

/**
 * For an instance: the floating IPs that it can have, those of the project that are free and a new one of each external network
 * that reaches it. The click on one of them does it. It may be rendered by any page; it brings its own words.
 */
export function AssociateFloatingIP({ server, onClose }: { server: Server; onClose(): void }) {
  const { t } = useTranslation('floatingips');
  const { projectId } = useSession();
  const targets = useTargets();
  const networks = useNetworks(projectId);
  const [chosen, setChosen] = useState('');
  const places = targets.all.filter((target) => target.port.device_id === server.id);
  const idOf = (p: (typeof places)[number]) => `${p.port.id} ${p.address}`;
  const place = places.find((p) => idOf(p) === chosen) ?? places[0];
  const external = (networks.data ?? []).filter((n) => n['router:external'] && n.subnets.length > 0);
  const reaching = place ? external.filter((n) => reachable([place], n.id, targets.floating).length > 0) : [];
  const done = (address: string) => notify.success(t('associated', { address, name: nameOf(server) }));
  const choices = place
    ? [
        ...targets.floating
          .filter((f) => f.port_id === null && reaching.some((n) => n.id === f.floating_network_id))
          .map(
            (f): Choice => ({
              id: f.id,
              name: f.floating_ip_address,
              note: [reaching.find((n) => n.id === f.floating_network_id)?.name, f.description]
                .filter(Boolean)
                .join(' – '),
              action: t('associate'),
              run: async () => {
                await associate(f.id, { port: place.port.id, address: place.address });
                done(f.floating_ip_address);
              },
            }),
          ),
        ...reaching.map(
          (n): Choice => ({
            id: n.id,
            name: t('newOne'),
            note: t('fromNetwork', { network: nameOf(n) }),
            action: t('allocateHere'),
            run: async () => {
              const made = await allocate({ network: n.id, to: { port: place.port.id, address: place.address } });
              done(made.floating_ip_address);
            },
          }),
        ),
      ]
    : [];
  return (
    <Choices
      title={t('associateServerTitle', { name: nameOf(server) })}
      pending={targets.pending || networks.isPending}
      error={targets.error ?? networks.error}
      onClose={onClose}
      empty={<Alert type="info">{place ? t('noFloating') : t('noWay')}</Alert>}
      choices={choices}
    >
      {places.length > 1 && (
        <FormField label={t('fixedAddress')}>
          <Select
            selectedOption={place ? { value: idOf(place), label: place.address } : null}
            options={places.map((p) => ({ value: idOf(p), label: p.address }))}
            onChange={({ detail }) => setChosen(detail.selectedOption.value ?? '')}
          />
        </FormField>
      )}
    </Choices>
  );
}
