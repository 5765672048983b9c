import Autosuggest from '@cloudscape-design/components/autosuggest';
import FormField from '@cloudscape-design/components/form-field';
import { type Control, useController } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { all, required } from '~/ui/rules';
import type { Ends } from './useEnds';
import { type FormValues, receiver } from './values';

const check = all(required, receiver);

/** The address of the receiver: any one, with those that are known offered. */
export function AddressField({ control, options }: { control: Control<FormValues>; options: Ends['destinations'] }) {
  const { t } = useTranslation('trace');
  const { field, fieldState } = useController({ control, name: 'to', rules: { validate: (v) => check(v) ?? true } });
  return (
    <FormField label={t('to')} constraintText={t('toHint')} errorText={fieldState.error?.message}>
      <Autosuggest
        ref={field.ref}
        value={field.value}
        onChange={({ detail }) => field.onChange(detail.value)}
        onBlur={field.onBlur}
        options={options}
        placeholder="10.0.0.5"
        enteredTextLabel={(value) => t('useAddress', { value })}
        empty={t('noSuggestion')}
      />
    </FormField>
  );
}
