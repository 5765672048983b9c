import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Select, { type SelectProps } from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import type { Network, Port } from '~/api/network';
import { RadioField } from '~/ui/fields';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { Loaded } from '~/ui/Loaded';
import { NICTable } from './NICTable';
import { autoNetwork, unfitOf } from './networking';
import type { StepProps } from './step';

export function NetworkStep(props: StepProps) {
  const { t } = useTranslation('instances');
  const { form, values, data, problem } = props;
  return (
    <Container>
      <Loaded query={data.networks}>
        {(networks) => {
          const auto = autoNetwork(networks, data.known.project);
          return (
            <SpaceBetween size="l">
              <RadioField
                control={form.control}
                name="networking"
                label={t('launch.networking')}
                options={[
                  { value: 'list', label: t('launch.networkingList'), description: t('launch.networkingListText') },
                  {
                    value: 'auto',
                    label: t('launch.networkingAuto'),
                    description:
                      typeof auto === 'string'
                        ? t(`launch.networkingAutoText.${auto}`)
                        : t('launch.networkingAutoText.one', { name: nameOf(auto) }),
                    disabled: auto === 'ambiguous',
                  },
                  { value: 'none', label: t('launch.networkingNone'), description: t('launch.networkingNoneText') },
                ]}
              />
              {values.networking === 'list' && <Choice {...props} networks={networks} />}
              {values.networking !== 'list' && problem('nics') && <Alert type="error">{problem('nics')}</Alert>}
            </SpaceBetween>
          );
        }}
      </Loaded>
    </Container>
  );
}

function Choice({ values, data, problem, set, networks }: StepProps & { networks: Network[] }) {
  const { t } = useTranslation('instances');
  const { project, isAdmin, subnets = [], ports = [] } = data.known;
  const rangesOf = (network: Network) =>
    subnets
      .filter((s) => s.network_id === network.id)
      .map((s) => s.cidr)
      .join(', ');
  const networkOption = (network: Network): SelectProps.Option => {
    const unfit = unfitOf(network, project, isAdmin);
    return {
      value: network.id,
      label: nameOf(network),
      description: unfit ? t(`unfitNetwork.${unfit}`) : rangesOf(network),
      tags: [
        ...(network.shared ? [t('launch.shared')] : []),
        ...(network['router:external'] ? [t('launch.external')] : []),
      ],
      disabled: unfit !== undefined,
    };
  };
  const portOption = (port: Port): SelectProps.Option => {
    const network = networks.find((n) => n.id === port.network_id);
    return {
      value: port.id,
      label: nameOf(port),
      description: [network && nameOf(network), ...port.fixed_ips.map((f) => f.ip_address)].filter(Boolean).join(', '),
      disabled: values.nics.some((n) => n.id === port.id),
    };
  };
  const add = (kind: 'network' | 'port', id: string | undefined) => {
    if (id) set('nics', [...values.nics, { kind, id, address: '' }]);
  };
  return (
    <SpaceBetween size="m">
      <FormField errorText={problem('nics')} stretch>
        <NICTable
          nics={values.nics}
          networks={networks}
          subnets={subnets}
          ports={ports}
          many={Number(values.count) > 1}
          onChange={(nics) => set('nics', nics)}
        />
      </FormField>
      <FormField
        label={t('launch.addNetwork')}
        description={networks.length === 0 ? undefined : t('launch.addNetworkText')}
      >
        <Select
          selectedOption={null}
          placeholder={t('common:choose')}
          options={networks.map(networkOption)}
          onChange={({ detail }) => add('network', detail.selectedOption.value)}
          filteringType={networks.length > 8 ? 'auto' : 'none'}
          empty={
            <>
              {t('launch.noNetworks')} <Go to="/networks">{t('common:nav.items.networks')}</Go>
            </>
          }
          data-testid="add-network"
        />
      </FormField>
      {ports.length > 0 && (
        <FormField
          label={t('launch.addPort')}
          description={Number(values.count) > 1 ? t('launch.problem.portForMany') : t('launch.addPortText')}
        >
          <Select
            selectedOption={null}
            placeholder={t('common:choose')}
            options={ports.map(portOption)}
            disabled={Number(values.count) > 1}
            onChange={({ detail }) => add('port', detail.selectedOption.value)}
            filteringType={ports.length > 8 ? 'auto' : 'none'}
            data-testid="add-port"
          />
        </FormField>
      )}
    </SpaceBetween>
  );
}
