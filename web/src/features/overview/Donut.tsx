import type { ReactNode } from 'react';
import { arcsOf } from './arcs';

export interface Slice {
  /** Ends a class name: donut-part-LOOK. */
  look: string;
  value: number;
}

interface Props {
  slices: Slice[];
  /** What the whole ring is; the rest of it stays pale. */
  whole: number;
  middle: string;
  label: ReactNode;
  note?: ReactNode;
}

const radius = 42;
const length = 2 * Math.PI * radius;

/** A ring with parts. It says nothing that the words below do not say too, so screen readers pass it over. */
export function Donut({ slices, whole, middle, label, note }: Props) {
  return (
    <div className="donut">
      <svg viewBox="0 0 100 100" aria-hidden="true">
        <circle className="donut-rest" cx="50" cy="50" r={radius} />
        {arcsOf(slices, whole).map(({ look, from, share }) => (
          <circle
            key={look}
            className={`donut-part donut-part-${look}`}
            cx="50"
            cy="50"
            r={radius}
            strokeDasharray={`${share * length} ${length}`}
            strokeDashoffset={-from * length}
            transform="rotate(-90 50 50)"
          />
        ))}
        <text x="50" y="50">
          {middle}
        </text>
      </svg>
      <div>{label}</div>
      {note && <small>{note}</small>}
    </div>
  );
}
