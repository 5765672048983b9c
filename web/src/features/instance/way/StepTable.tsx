import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Table from '@cloudscape-design/components/table';
import { useTranslation } from 'react-i18next';
import { formatSeconds } from '~/ui/format';
import { Result } from '../Result';
import '../instance.css';
import { laneOfEvent, type Step, type Way } from './layout';

interface Row {
  event: string;
  step?: Step;
}

/** The steps in words: who does what, when it begins after the request, how long it takes, and what it came to. */
export function StepTable({ way, coming }: { way: Way; coming: string[] }) {
  const { t } = useTranslation('instance');
  const rows: Row[] = [
    ...way.steps.map((step) => ({ event: step.event, step })),
    ...coming.map((event) => ({ event })),
  ];
  return (
    <Table
      data-testid="steps"
      items={rows}
      trackBy="event"
      wrapLines
      empty={t('noEvents')}
      header={<Header variant="h2">{t('way.steps')}</Header>}
      ariaLabels={{ tableLabel: t('way.steps') }}
      columnDefinitions={[
        { id: 'number', header: t('way.number'), cell: (r) => r.step?.number ?? '–', width: 60 },
        { id: 'lane', header: t('way.service'), cell: (r) => t(`lane.${laneOfEvent(r.event)}`), width: 140 },
        {
          id: 'event',
          header: t('way.step'),
          isRowHeader: true,
          cell: (r) => t(`step.${r.event}`, { defaultValue: r.event }),
          width: 200,
        },
        {
          id: 'begins',
          header: t('way.begins'),
          cell: (r) => (r.step ? `+${formatSeconds(r.step.begins / 1e6)}` : '–'),
          width: 100,
        },
        {
          id: 'takes',
          header: t('takes'),
          cell: (r) => (r.step?.takes === undefined ? '–' : formatSeconds(r.step.takes / 1e6)),
          width: 100,
        },
        {
          id: 'result',
          header: t('result'),
          cell: ({ step }) =>
            step ? (
              <Result of={{ result: step.result, finish_time: null }} />
            ) : (
              <StatusIndicator type="pending">{t('way.toCome')}</StatusIndicator>
            ),
          width: 130,
        },
        {
          id: 'details',
          header: t('details'),
          cell: (r) => <div className="server-text">{r.step?.details ?? '–'}</div>,
        },
      ]}
    />
  );
}
