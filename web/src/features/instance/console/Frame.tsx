import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button, { type ButtonProps } from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { type ReactNode, type RefObject, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';
import type { Phase } from './closing';
import { useLeaveKey } from './useConsole';
import './console.css';

interface Props {
  phase: Phase;
  /** Not given where the address can be used only once. */
  onReconnect?(): void;
  /** Where the console itself is put. */
  place: RefObject<HTMLDivElement>;
  label: string;
  /** What can be done to it, beside what every console has. */
  buttons?: ReactNode;
  onLeave?(): void;
  tall?: boolean;
}

/** What is around every console: how it is, why it ended, what can be done, and the way out for the keyboard. */
export function Frame({ phase, onReconnect, place, label, buttons, onLeave, tall }: Props) {
  const { t } = useTranslation('instance');
  const frame = useRef<HTMLDivElement>(null);
  const after = useRef<ButtonProps.Ref>(null);
  const [full, setFull] = useState(false);
  useLeaveKey(place, after, onLeave);
  useEffect(() => {
    const look = () => setFull(document.fullscreenElement !== null && document.fullscreenElement === frame.current);
    document.addEventListener('fullscreenchange', look);
    return () => document.removeEventListener('fullscreenchange', look);
  }, []);
  const toggle = () => void (full ? document.exitFullscreen() : frame.current?.requestFullscreen());
  const over = phase.name === 'closed' || phase.name === 'refused';
  return (
    <div ref={frame} className={full ? 'console console-full' : tall ? 'console console-tall' : 'console'}>
      <div className="console-bar">
        <SpaceBetween direction="horizontal" size="xs" alignItems="center">
          <span data-testid="console-state" role="status">
            <State phase={phase} />
          </span>
          {onReconnect && (
            <Button
              iconName="refresh"
              disabled={phase.name === 'connecting'}
              onClick={onReconnect}
              data-testid="reconnect"
            >
              {t('console.reconnect')}
            </Button>
          )}
          {buttons}
          {document.fullscreenEnabled && (
            <Button iconName={full ? 'exit-full-screen' : 'full-screen'} onClick={toggle}>
              {t(full ? 'console.exitFull' : 'console.full')}
            </Button>
          )}
        </SpaceBetween>
      </div>
      {over && (
        <Alert
          type={phase.name === 'closed' && phase.why === 'ended' ? 'info' : 'warning'}
          data-testid="console-closed"
        >
          {phase.name === 'refused' ? (
            messageOf(phase.error)
          ) : (
            <>
              {t(`console.closed.${phase.why}`)} {phase.reason}
            </>
          )}
        </Alert>
      )}
      <section ref={place} className="console-place" aria-label={label} />
      <div className="console-after">
        <Button
          ref={after}
          variant="inline-link"
          onClick={() => place.current?.querySelector<HTMLElement>('textarea, canvas')?.focus()}
        >
          {t('console.enter')}
        </Button>
        <Box variant="small" color="text-body-secondary">
          {t('console.keys')}
        </Box>
      </div>
    </div>
  );
}

function State({ phase }: { phase: Phase }) {
  const { t } = useTranslation('instance');
  if (phase.name === 'connecting')
    return <StatusIndicator type="in-progress">{t('console.connecting')}</StatusIndicator>;
  if (phase.name === 'open') return <StatusIndicator type="success">{t('console.open')}</StatusIndicator>;
  return <StatusIndicator type="stopped">{t('console.isClosed')}</StatusIndicator>;
}
