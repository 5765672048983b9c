import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import { formatSeconds } from '~/ui/format';
import { lanes, type Step, type Way } from './layout';
import './way.css';

const rowHeight = 1.75;

/**
 * The way as a picture: a lane for each service, a bar for each step. The table of steps below says the same in words, so
 * screen readers pass over this.
 */
export function Picture({ way }: { way: Way }) {
  const { t } = useTranslation('instance');
  const tip = (s: Step) =>
    [
      `${s.number}. ${t(`step.${s.event}`, { defaultValue: s.event })}`,
      `+${formatSeconds(s.begins / 1e6)}`,
      s.takes === undefined ? t('running') : formatSeconds(s.takes / 1e6),
    ].join(' – ');
  return (
    <div className="way" aria-hidden="true" data-testid="way">
      {lanes
        .filter((lane) => way.rows[lane])
        .map((lane) => (
          <Fragment key={lane}>
            <div className="way-name">{t(`lane.${lane}`)}</div>
            <div className="way-lane" style={{ blockSize: `${(way.rows[lane] ?? 1) * rowHeight + 0.5}rem` }}>
              {way.ticks.map((tick) => (
                <span key={tick.at} className="way-line" style={{ insetInlineStart: `${tick.place}%` }} />
              ))}
              {way.steps
                .filter((s) => s.lane === lane)
                .map((s) => (
                  <span
                    key={s.number}
                    className={`way-bar way-${s.failed ? 'failed' : s.takes === undefined ? 'open' : lane}`}
                    style={{
                      insetInlineStart: `${s.from}%`,
                      inlineSize: `${s.to - s.from}%`,
                      insetBlockStart: `${s.row * rowHeight + 0.35}rem`,
                    }}
                    title={tip(s)}
                  >
                    {s.failed ? `✕ ${s.number}` : s.number}
                  </span>
                ))}
            </div>
          </Fragment>
        ))}
      <div />
      <div className="way-axis">
        {way.ticks.map((tick) => (
          <span
            key={tick.at}
            className={tick.place > 95 ? 'way-tick way-tick-end' : 'way-tick'}
            style={tick.place > 95 ? { insetInlineEnd: 0 } : { insetInlineStart: `${tick.place}%` }}
          >
            {tick.at === 0 ? 'POST' : `+${formatSeconds(tick.at / 1e6)}`}
          </span>
        ))}
      </div>
    </div>
  );
}
