import i18next from 'i18next';
import { notify } from '~/ui/notify';

/** showPassword tells the password that a guest was given; it stays until somebody has read it. */
export function showPassword(server: string, password: string): void {
  notify.add({
    type: 'info',
    header: i18next.t('instances:adminPassword.made', { name: server }),
    content: password,
  });
}
