import Icon, { type IconProps } from '@cloudscape-design/components/icon';
import { Handle, type NodeProps, Position } from '@xyflow/react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { nameOf } from '~/ui/format';
import type { ThingNode } from './flow';
import type { Thing } from './graph';
import { statusOf, toneOf } from './tone';

const icons: Record<Thing['kind'], IconProps.Name> = { network: 'share', router: 'multiscreen', instance: 'share' };
/** What a status looks like for who sees no colours. */
const marks = { good: '●', bad: '✕', off: '■', busy: '◌' } as const;

/** A thing of the graph: its name and state, and the handles from which it is connected. */
export const ThingBox = memo(function ThingBox({ data: { thing }, selected }: NodeProps<ThingNode>) {
  const { t } = useTranslation('topology');
  const tone = toneOf(thing);
  const external = thing.kind === 'network' && thing.external;
  const connects = thing.kind !== 'instance';
  return (
    <>
      <Handle type="source" position={Position.Top} id="up" isConnectableStart={connects} />
      <div
        className={`thing thing-${external ? 'external' : thing.kind} tone-${tone} ${selected ? 'thing-selected' : ''}`}
        title={`${nameOf(thing)} – ${t(`common:status.${statusOf(thing)}`, { defaultValue: statusOf(thing) })}`}
      >
        <span className="thing-mark" aria-hidden>
          {marks[tone]}
        </span>
        <span className="thing-text">
          <span className="thing-name">{nameOf(thing)}</span>
          {thing.kind !== 'instance' && (
            <span className="thing-note">
              {thing.kind === 'network' && !external
                ? thing.subnets.map((s) => s.cidr).join(', ') || t('noSubnet')
                : t(external ? 'external' : 'router')}
            </span>
          )}
        </span>
        {thing.kind !== 'instance' && <Icon name={external ? 'globe' : icons[thing.kind]} variant="subtle" />}
      </div>
      <Handle type="source" position={Position.Bottom} id="down" isConnectableStart={connects} />
    </>
  );
});

/** The ground that shows which instances stand beneath which network. */
export const Ground = memo(function Ground() {
  return <div className="ground" />;
});
