import Button from '@cloudscape-design/components/button';
import Icon from '@cloudscape-design/components/icon';
import type { DragEvent } from 'react';
import { useTranslation } from 'react-i18next';

export const creatable = ['network', 'router', 'instance'] as const;
export type Creatable = (typeof creatable)[number];

const typeOf = (kind: Creatable) => `application/x-wisp-${kind}`;

/** draggedKind tells what of the palette is dragged; other things that are dragged over the page are not meant. */
export const draggedKind = (event: DragEvent): Creatable | undefined =>
  creatable.find((kind) => event.dataTransfer.types.includes(typeOf(kind)));

/** What can be made: by a click, or by dragging it onto the graph. */
export function Palette({ onCreate }: { onCreate(kind: Creatable): void }) {
  const { t } = useTranslation('topology');
  return (
    <ul className="palette" aria-label={t('palette')}>
      {creatable.map((kind) => (
        <li
          key={kind}
          className="palette-item"
          draggable
          title={t('paletteHint')}
          data-testid={`drag-${kind}`}
          onDragStart={(event) => {
            event.dataTransfer.setData(typeOf(kind), kind);
            event.dataTransfer.effectAllowed = 'copy';
          }}
        >
          <Icon name="drag-indicator" variant="subtle" />
          <Button onClick={() => onCreate(kind)} data-testid={`create-${kind}`}>
            {t(`create.${kind}`)}
          </Button>
        </li>
      ))}
    </ul>
  );
}
