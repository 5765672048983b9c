import ButtonDropdown, { type ButtonDropdownProps } from '@cloudscape-design/components/button-dropdown';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Action, type Actions, perform, refusal } from './actions';

interface Props<T> {
  actions: Actions<T>;
  items: T[];
  onDone?(): void;
}

/** The menu of what can be done; what cannot be done now says why. */
export function ActionButtons<T extends { id: string; name?: string | null }>({ actions, items, onDone }: Props<T>) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const entry = (action: Action<T>): ButtonDropdownProps.Item => {
    const why = refusal(action, items);
    return { id: action.id, text: action.text, disabled: why !== undefined, disabledReason: why };
  };
  const flat = actions.flatMap((a) => ('actions' in a ? a.actions : [a]));
  const fits = (action: Action<T>) => action.fits?.(items) ?? true;
  const entries = actions.flatMap((a): ButtonDropdownProps.ItemOrGroup[] => {
    if (!('actions' in a)) return fits(a) ? [entry(a)] : [];
    const inside = a.actions.filter(fits).map(entry);
    return inside.length > 0 ? [{ text: a.heading, items: inside }] : [];
  });
  return (
    <ButtonDropdown
      items={entries}
      disabled={items.length === 0}
      loading={busy}
      data-testid="actions"
      onItemClick={async ({ detail }) => {
        const action = flat.find((a) => a.id === detail.id);
        if (!action) return;
        setBusy(true);
        try {
          if (await perform(action, items)) onDone?.();
        } finally {
          setBusy(false);
        }
      }}
    >
      {t('actions')}
    </ButtonDropdown>
  );
}
