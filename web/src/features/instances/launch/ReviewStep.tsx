import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { formatBytes, formatMiB, nameOf } from '~/ui/format';
import { recordOf } from '~/ui/PairsField';
import { parseTags } from '../rules';
import { quotaLines } from './fits';
import type { Problem } from './problems';
import { QuotaBars } from './QuotaBars';
import type { StepProps } from './step';
import type { Step } from './steps';
import { bytesOf } from './userData';
import { needsGroups } from './values';

interface Props extends StepProps {
  problems: Problem[];
  onEdit(step: Step): void;
}

/** Everything that will be asked for, and what stands in the way. */
export function ReviewStep({ values: v, data, problems, onEdit }: Props) {
  const { t } = useTranslation('instances');
  const { known } = data;
  const named = <T extends { id: string; name?: string | null }>(list: T[] | undefined, id: string) => {
    const found = list?.find((item) => item.id === id);
    return found ? nameOf(found) : id;
  };
  const flavor = known.flavors?.find((f) => f.id === v.flavor);
  const nics = v.nics.map((nic) => {
    const name =
      nic.kind === 'port' ? t('launch.portNamed', { name: named(known.ports, nic.id) }) : named(known.networks, nic.id);
    return nic.address.trim() ? `${name} (${nic.address.trim()})` : name;
  });
  const groups = v.groups.map((id) => named(known.groups, id)).join(', ') || 'default';
  const bytes = bytesOf(v.userData);
  const metadata = Object.entries(recordOf(v.metadata)).map(([key, value]) => `${key}=${value}`);
  const servers = (ids: string[]) => ids.map((id) => named(data.servers.data, id)).join(', ');
  const sections: Partial<Record<Step, [string, string][]>> = {
    details: [
      [t('common:name'), v.name.trim()],
      [t('common:description'), v.description.trim()],
      [t('launch.count'), v.count],
      [t('zone'), v.zone || t('launch.anyZone')],
    ],
    source: [[t('image'), v.image && named(known.images, v.image)]],
    flavor: [
      [t('flavor'), flavor?.name ?? v.flavor],
      ...(flavor
        ? [
            [t('vcpus'), String(flavor.vcpus)] as [string, string],
            [t('ram'), formatMiB(flavor.ram)] as [string, string],
            [t('rootDisk'), flavor.disk ? `${flavor.disk} GiB` : t('launch.diskOfImage')] as [string, string],
          ]
        : []),
    ],
    networks: [
      [
        t('launch.networkingList'),
        v.networking === 'list'
          ? nics.join(', ')
          : t(v.networking === 'auto' ? 'launch.networkingAuto' : 'launch.networkingNone'),
      ],
    ],
    security: [[t('launch.groups'), needsGroups(v) ? groups : '']],
    key: [[t('keyPair'), v.key || t('common:none')]],
    advanced: [
      [t('launch.userData'), bytes > 0 ? formatBytes(bytes) : ''],
      [t('launch.configDrive'), v.configDrive ? t('common:yes') : t('common:no')],
      [t('metadata.label'), metadata.join(', ')],
      [t('tags.label'), parseTags(v.tags).join(', ')],
      [t('launch.serverGroup'), v.serverGroup && named(data.serverGroups.data, v.serverGroup)],
      [t('launch.near'), servers(v.near)],
      [t('launch.apart'), servers(v.apart)],
    ],
  };
  return (
    <SpaceBetween size="l">
      {problems.length > 0 && (
        <Alert type="error" header={t('launch.notYet')} data-testid="problems">
          <ul>
            {problems.map((p) => (
              <li key={p.field}>
                {t(`launch.step.${p.step}`)}: {p.text}{' '}
                <Button
                  variant="inline-link"
                  onClick={() => onEdit(p.step)}
                  ariaLabel={t('launch.mend', { step: t(`launch.step.${p.step}`) })}
                >
                  {t('common:edit')}
                </Button>
              </li>
            ))}
          </ul>
        </Alert>
      )}
      {Object.entries(sections).map(([step, lines]) => (
        <Container
          key={step}
          header={
            <Header
              variant="h2"
              actions={
                <Button
                  onClick={() => onEdit(step as Step)}
                  ariaLabel={t('launch.mend', { step: t(`launch.step.${step}`) })}
                >
                  {t('common:edit')}
                </Button>
              }
            >
              {t(`launch.step.${step}`)}
            </Header>
          }
        >
          <KeyValuePairs
            columns={4}
            items={lines.map(([label, value]): KeyValuePairsProps.Pair => ({ label, value: value || '–' }))}
          />
        </Container>
      ))}
      {data.limits.data && (
        <Container header={<Header variant="h2">{t('launch.quota')}</Header>}>
          <QuotaBars lines={quotaLines(data.limits.data, flavor, Number(v.count))} />
        </Container>
      )}
    </SpaceBetween>
  );
}
