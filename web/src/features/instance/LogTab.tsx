import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Toggle from '@cloudscape-design/components/toggle';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Server } from '~/api/compute';
import { consoleLog } from '~/api/console';
import { download } from '~/ui/download';
import { Loaded } from '~/ui/Loaded';
import { plainText } from './plainText';
import './instance.css';

const choices = ['50', '200', '1000', ''];
const followEvery = 2_000;

/** What the guest wrote to its serial port, as text. */
export function LogTab({ server }: { server: Server }) {
  const { t } = useTranslation('instance');
  const [lines, setLines] = useState('200');
  const [follow, setFollow] = useState(true);
  const place = useRef<HTMLPreElement>(null);
  const query = useQuery({
    queryKey: ['server', server.id, 'log', lines],
    queryFn: () => consoleLog(server.id, lines ? Number(lines) : undefined),
    refetchInterval: follow ? followEvery : false,
    staleTime: 0,
    placeholderData: (before) => before,
  });
  const text = useMemo(() => (query.data === undefined ? undefined : plainText(query.data)), [query.data]);
  useEffect(() => {
    if (follow && text !== undefined && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [text, follow]);
  const label = (value: string) => (value ? t('log.last', { lines: value }) : t('log.all'));
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={t('log.text')}
          actions={
            <SpaceBetween direction="horizontal" size="xs" alignItems="center">
              <Toggle checked={follow} onChange={({ detail }) => setFollow(detail.checked)}>
                {t('log.follow')}
              </Toggle>
              <FormField>
                <Select
                  ariaLabel={t('log.lines')}
                  selectedOption={{ value: lines, label: label(lines) }}
                  options={choices.map((value) => ({ value, label: label(value) }))}
                  onChange={({ detail }) => setLines(detail.selectedOption.value ?? '')}
                />
              </FormField>
              <Button
                iconName="refresh"
                ariaLabel={t('common:refresh')}
                loading={query.isFetching && !follow}
                onClick={() => void query.refetch()}
              />
              <Button
                iconName="download"
                disabled={!text}
                onClick={() => download(`${server.name || server.id}.log`, text ?? '')}
              >
                {t('log.save')}
              </Button>
            </SpaceBetween>
          }
        >
          {t('tab.log')}
        </Header>
      }
    >
      <Loaded query={query}>
        {() =>
          text ? (
            <pre
              ref={place}
              className="guest-log"
              role="log"
              aria-live="off" // the whole of it would be read out again at each change
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
              tabIndex={0}
              aria-label={t('tab.log')}
              data-testid="log"
            >
              {text}
            </pre>
          ) : (
            <Box color="text-body-secondary">{t('log.empty')}</Box>
          )
        }
      </Loaded>
    </Container>
  );
}
