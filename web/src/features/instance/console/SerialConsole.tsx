import Button from '@cloudscape-design/components/button';
import Toggle from '@cloudscape-design/components/toggle';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { createConsole } from '~/api/console';
import { notify } from '~/ui/notify';
import { Frame } from './Frame';
import { nonceDocument } from './nonceDocument';
import { palette } from './palette';
import { isLeaveKey, useConsole } from './useConsole';

const look = {
  fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace',
  fontSize: 14,
  scrollback: 5_000,
  theme: { background: '#16191f', foreground: '#e9ebed' },
};

/** The serial port of a server in a terminal. This module brings the terminal with it: load it when it is looked at. */
export default function SerialConsole({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  const place = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>();
  const [reader, setReader] = useState(false);
  const { phase, connect } = useConsole({
    prepare: async () => (socket) => {
      if (!place.current) throw new Error('there is no place for the terminal');
      const term = new Terminal({ ...look, screenReaderMode: reader, documentOverride: nonceDocument() });
      const fit = new FitAddon();
      term.loadAddon(fit);
      term.open(place.current);
      fit.fit();
      term.attachCustomKeyEventHandler((event) => !isLeaveKey(event));
      const watch = new ResizeObserver(() => fit.fit());
      watch.observe(place.current);
      terminal.current = term;
      const decoder = new TextDecoder();
      const mapped = palette();
      socket.addEventListener('open', () => term.focus());
      socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) =>
        term.write(mapped(typeof data === 'string' ? data : decoder.decode(data, { stream: true }))),
      );
      const send = (data: string | Uint8Array<ArrayBuffer>) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(data);
      };
      term.onData(send);
      term.onBinary((data) => send(Uint8Array.from(data, (c) => c.charCodeAt(0))));
      return () => {
        watch.disconnect();
        term.dispose();
        terminal.current = undefined;
      };
    },
    open: () => createConsole(server.id, 'serial'),
  });
  useEffect(() => {
    if (terminal.current) terminal.current.options.screenReaderMode = reader;
  }, [reader]);
  const paste = async () => {
    try {
      terminal.current?.paste(await navigator.clipboard.readText());
      terminal.current?.focus();
    } catch (error) {
      notify.error(t('console.noPaste'), error);
    }
  };
  return (
    <Frame
      phase={phase}
      onReconnect={connect}
      place={place}
      label={t('console.serial')}
      buttons={
        <>
          {/* Browsers give the clipboard to pages with a secure origin only; the keys of the browser for it work anyway. */}
          {navigator.clipboard && (
            <Button disabled={phase.name !== 'open'} onClick={() => void paste()}>
              {t('console.paste')}
            </Button>
          )}
          <Toggle checked={reader} onChange={({ detail }) => setReader(detail.checked)}>
            {t('console.reader')}
          </Toggle>
        </>
      }
    />
  );
}
