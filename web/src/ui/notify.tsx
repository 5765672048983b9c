import Flashbar, { type FlashbarProps } from '@cloudscape-design/components/flashbar';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { ownerGone } from '~/api/client';
import { ApiError, messageOf } from '~/api/error';
import { session } from '~/api/session';

type Notice = FlashbarProps.MessageDefinition & { id: string };

let notices: Notice[] = [];
let counter = 0;
const listeners = new Set<() => void>();

function show(next: Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const stayFor = 6_000;

/** Messages at the top of the page. Good news leaves by itself; bad news stays until somebody has read it. */
export const notify = {
  add(notice: Omit<Notice, 'id'> & { id?: string }): string {
    counter += 1;
    const id = notice.id ?? `notice-${counter}`;
    const entry: Notice = { dismissible: true, ...notice, id, onDismiss: () => notify.remove(id) };
    show([entry, ...notices.filter((n) => n.id !== id)].slice(0, 8));
    if (notice.type === 'success') setTimeout(() => notify.remove(id), stayFor);
    return id;
  },
  remove(id: string): void {
    show(notices.filter((n) => n.id !== id));
  },
  success(content: string): void {
    notify.add({ type: 'success', content });
  },
  error(header: string, error: unknown): void {
    if (error instanceof ApiError && error.type === ownerGone) return; // whom it concerns is not here any more
    const request = error instanceof ApiError ? error.requestId : '';
    notify.add({ type: 'error', header, content: request ? `${messageOf(error)} (${request})` : messageOf(error) });
  },
  clear(): void {
    show([]);
  },
};

session.onOwner(() => notify.clear());

export function Notifications() {
  const { t } = useTranslation();
  const items = useSyncExternalStore(subscribe, () => notices);
  return (
    <Flashbar
      stackItems
      items={items.map((n) => ({ ...n, dismissLabel: t('dismiss') }))}
      i18nStrings={{
        ariaLabel: t('notifications'),
        notificationBarAriaLabel: t('notifications'),
        notificationBarText: t('notifications'),
        errorIconAriaLabel: t('error'),
        successIconAriaLabel: t('success'),
        warningIconAriaLabel: t('warning'),
        infoIconAriaLabel: t('info'),
        inProgressIconAriaLabel: t('inProgress'),
      }}
    />
  );
}
