import { type ReactElement, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Action, opens } from './actions';

interface Options<T> {
  /** The form that changes a thing; without it things cannot be changed. */
  edit?(thing: T, close: () => void): ReactElement;
  /** Why neither can be done to a thing, in words. */
  refused?(thing: T): string | undefined;
  question(things: T[]): { title: string; body: ReactNode };
  remove(thing: T): Promise<unknown>;
  /** Where to go from the page of a thing that is there no more. */
  onDeleted?(): void;
  /** What taking it away is called, where it is not deleted. */
  removeLabel?: string;
  /** What else can be done, between the two. */
  more?: Action<T>[];
}

/** The two actions that nearly everything has, others between them, and the dialog that the first one opens. */
export function useEditDelete<T>(options: Options<T>): { actions: Action<T>[]; dialog: ReactElement | null } {
  const { t } = useTranslation();
  const [edited, setEdited] = useState<T>();
  const { edit, refused, question, remove, onDeleted, more = [] } = options;
  return {
    dialog: edited && edit ? edit(edited, () => setEdited(undefined)) : null,
    actions: [
      ...(edit ? [opens<T>({ id: 'edit', text: t('edit'), refused, open: setEdited })] : []),
      ...more,
      {
        id: 'delete',
        text: options.removeLabel ?? t('delete'),
        danger: true,
        refused,
        question,
        run: async (thing) => {
          await remove(thing);
          onDeleted?.();
        },
      },
    ],
  };
}
