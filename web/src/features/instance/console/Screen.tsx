import Button from '@cloudscape-design/components/button';
import Toggle from '@cloudscape-design/components/toggle';
import RFB from '@novnc/novnc/lib/rfb.js';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Frame } from './Frame';
import { useConsole } from './useConsole';

/** Keys that are down when the screen is left, and that it would not hear of again: keysyms of X11. */
const held: [number, string][] = [
  [0xffe3, 'ControlLeft'],
  [0xffe1, 'ShiftLeft'],
];

interface Props {
  /** Gives the address of the stream. */
  open(): Promise<string>;
  /** The address can be used once more or not. */
  again: boolean;
  tall?: boolean;
}

/** The screen of a server. This module brings noVNC with it: load it when it is looked at. */
export default function Screen({ open, again, tall }: Props) {
  const { t } = useTranslation('instance');
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<RFB>();
  const [scale, setScale] = useState(true);
  const { phase, connect } = useConsole({
    protocols: ['binary'],
    prepare: async () => (socket) => {
      if (!place.current) throw new Error('there is no place for the screen');
      const rfb = new RFB(place.current, socket, { shared: true });
      rfb.scaleViewport = scale;
      rfb.background = '#16191f';
      rfb.addEventListener('connect', () => rfb.focus());
      screen.current = rfb;
      return () => {
        screen.current = undefined;
        rfb.disconnect();
      };
    },
    open,
  });
  useEffect(() => {
    if (screen.current) screen.current.scaleViewport = scale;
  }, [scale]);
  const leave = () => {
    for (const [keysym, code] of held) screen.current?.sendKey(keysym, code, false);
    screen.current?.blur();
  };
  return (
    <Frame
      phase={phase}
      onReconnect={again ? connect : undefined}
      place={place}
      label={t('console.screen')}
      onLeave={leave}
      tall={tall}
      buttons={
        <>
          <Button
            disabled={phase.name !== 'open'}
            onClick={() => {
              screen.current?.sendCtrlAltDel();
              screen.current?.focus();
            }}
          >
            Ctrl+Alt+Del
          </Button>
          <Toggle checked={scale} onChange={({ detail }) => setScale(detail.checked)}>
            {t('console.scale')}
          </Toggle>
        </>
      }
    />
  );
}
