import Box from '@cloudscape-design/components/box';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import LineChart from '@cloudscape-design/components/line-chart';
import { useTranslation } from 'react-i18next';
import { formatBytes, formatMiB, formatNumber } from '~/ui/format';
import type { Point } from './rates';

type Measure = Exclude<keyof Point, 'at'>;

interface ChartProps {
  points: Point[];
  title: string;
  lines: { measure: Measure; title: string }[];
  format(value: number): string;
  /** The top of the axis, where there is one by nature. */
  top?: number;
}

/** At least so much is on the axis, so that silence is a line at the bottom. */
const leastTop = 1024;

function Chart({ points, title, lines, format, top }: ChartProps) {
  const { t, i18n } = useTranslation('instance');
  const clock = new Intl.DateTimeFormat(i18n.language, { timeStyle: 'medium' });
  const dataOf = (measure: Measure) =>
    points.flatMap((p) => {
      const y = p[measure];
      return y === null ? [] : [{ x: new Date(p.at), y }];
    });
  const series = lines.map((line) => ({
    type: 'line' as const,
    title: line.title,
    data: dataOf(line.measure),
    valueFormatter: format,
  }));
  const highest = Math.max(top ?? leastTop, ...series.flatMap((s) => s.data.map((d) => d.y)));
  return (
    <LineChart
      series={series}
      xScaleType="time"
      yDomain={[0, highest]}
      height={160}
      hideFilter
      hideLegend={lines.length < 2}
      xTickFormatter={(at) => clock.format(at)}
      yTickFormatter={format}
      detailPopoverSize="small"
      ariaLabel={title}
      empty={<Box color="inherit">{t('metrics.notTold')}</Box>}
      i18nStrings={{
        detailPopoverDismissAriaLabel: t('common:close'),
        legendAriaLabel: title,
        chartAriaRoleDescription: t('metrics.chart'),
        xAxisAriaRoleDescription: t('metrics.time'),
        yAxisAriaRoleDescription: title,
      }}
    />
  );
}

/** The last minutes of a machine. This module brings the charts with it: load it when they are looked at. */
export default function Charts({ points, memory }: { points: Point[]; memory: number | null }) {
  const { t } = useTranslation('instance');
  const perSecond = (value: number) => t('metrics.perSecond', { amount: formatBytes(value) });
  const charts: ChartProps[] = [
    {
      points,
      title: t('metrics.cpu'),
      lines: [{ measure: 'cpu', title: t('metrics.cpu') }],
      format: (v) => `${formatNumber(v, 1)} %`,
      top: 100,
    },
    {
      points,
      title: t('metrics.memory'),
      lines: [{ measure: 'memory', title: t('metrics.memory') }],
      format: formatMiB,
      top: memory ?? 1,
    },
    {
      points,
      title: t('metrics.network'),
      lines: [
        { measure: 'received', title: t('metrics.received') },
        { measure: 'sent', title: t('metrics.sent') },
      ],
      format: perSecond,
    },
    {
      points,
      title: t('metrics.disk'),
      lines: [
        { measure: 'read', title: t('metrics.read') },
        { measure: 'written', title: t('metrics.written') },
      ],
      format: perSecond,
    },
  ];
  return (
    <ColumnLayout columns={2} minColumnWidth={320}>
      {charts.map((chart) => (
        <div key={chart.title}>
          <Box variant="h3" padding={{ bottom: 'xs' }}>
            {chart.title}
          </Box>
          <Chart {...chart} />
        </div>
      ))}
    </ColumnLayout>
  );
}
