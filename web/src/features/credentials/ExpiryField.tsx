import DatePicker from '@cloudscape-design/components/date-picker';
import FormField from '@cloudscape-design/components/form-field';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TimeInput from '@cloudscape-design/components/time-input';
import { type Control, type FieldPathByValue, type FieldValues, useController } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { type Expiry, expiryOf } from './expiry';

interface Props<T extends FieldValues> {
  control: Control<T>;
  name: FieldPathByValue<T, Expiry>;
}

/** A day and a time of day that lie ahead. */
export function ExpiryField<T extends FieldValues>({ control, name }: Props<T>) {
  const { t, i18n } = useTranslation('credentials');
  const { field, fieldState } = useController({
    control,
    name,
    rules: {
      validate: (value: Expiry) => {
        const at = expiryOf(value);
        if (!at) return t('expiryForm');
        return at.getTime() > Date.now() || t('expiryPast');
      },
    },
  });
  const value = field.value as Expiry;
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  return (
    <FormField
      label={t('expiresAt')}
      constraintText={t('ownClock', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}
      errorText={fieldState.error?.message}
    >
      <SpaceBetween direction="horizontal" size="xs">
        <DatePicker
          ref={field.ref}
          value={value.date}
          locale={i18n.language}
          onChange={({ detail }) => field.onChange({ ...value, date: detail.value })}
          onBlur={field.onBlur}
          isDateEnabled={(day) => day >= today}
          placeholder="YYYY/MM/DD"
          openCalendarAriaLabel={() => t('calendar')}
          ariaLabel={t('day')}
        />
        <TimeInput
          value={value.time}
          format="hh:mm"
          placeholder="hh:mm"
          onChange={({ detail }) => field.onChange({ ...value, time: detail.value })}
          onBlur={field.onBlur}
          ariaLabel={t('time')}
        />
      </SpaceBetween>
    </FormField>
  );
}
