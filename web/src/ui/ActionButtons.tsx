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
  return (
    <ButtonDropdown
      items={actions.map((a) => ('actions' in a ? { text: a.heading, items: a.actions.map(entry) } : entry(a)))}
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
