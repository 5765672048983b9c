import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import { useTranslation } from 'react-i18next';

const types: Record<string, StatusIndicatorProps.Type> = {
  ACTIVE: 'success',
  UP: 'success',
  ENABLED: 'success',
  AVAILABLE: 'success',
  OK: 'success',
  ERROR: 'error',
  DOWN: 'stopped',
  KILLED: 'error',
  DEACTIVATED: 'stopped',
  DELETED: 'stopped',
  DISABLED: 'stopped',
  SHUTOFF: 'stopped',
  PAUSED: 'stopped',
  SUSPENDED: 'stopped',
  SHELVED: 'stopped',
  SHELVED_OFFLOADED: 'stopped',
  SOFT_DELETED: 'stopped',
  RESCUE: 'warning',
  UNKNOWN: 'warning',
  VERIFY_RESIZE: 'warning',
  QUEUED: 'pending',
  PENDING: 'pending',
};

/** A status of an API, in words and colour. What is not known here is under way: BUILD, REBOOT, saving, … */
export function Status({ value, note }: { value: string; note?: string }) {
  const { t, i18n } = useTranslation();
  const key = `status.${value.toUpperCase()}`;
  const words = i18n.exists(key) ? t(key) : value;
  return (
    <StatusIndicator type={types[value.toUpperCase()] ?? 'in-progress'}>
      {words}
      {note ? ` (${note})` : ''}
    </StatusIndicator>
  );
}

export function YesNo({ value }: { value: boolean }) {
  const { t } = useTranslation();
  return <>{value ? t('yes') : t('no')}</>;
}

/** admin_state_up: whether somebody has switched a thing on, which is not whether it works. */
export function AdminState({ up }: { up: boolean }) {
  return <Status value={up ? 'ENABLED' : 'DISABLED'} />;
}
