import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Multiselect from '@cloudscape-design/components/multiselect';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Select, { type SelectProps } from '@cloudscape-design/components/select';
import type { ReactNode } from 'react';
import { type Control, type FieldPath, type FieldPathByValue, type FieldValues, useController } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { required } from './rule';
import { type Common, useLabel } from './TextField';

export { TextField } from './TextField';

export interface Option {
  value: string;
  label?: string;
  description?: string;
  tags?: string[];
  disabled?: boolean;
}

interface SelectFieldProps<T extends FieldValues> extends Common {
  control: Control<T>;
  name: FieldPathByValue<T, string>;
  options: Option[] | { label: string; options: Option[] }[];
  placeholder?: string;
  status?: SelectProps['statusType'];
  /** What an optional field is called when nothing is chosen. */
  noneLabel?: string;
  empty?: ReactNode;
}

/** One of some options; the form's value is the option's value, '' for none. */
export function SelectField<T extends FieldValues>(props: SelectFieldProps<T>) {
  const { control, name, options, optional } = props;
  const { t } = useTranslation();
  const { field, fieldState } = useController({
    control,
    name,
    rules: { validate: (v) => (optional ? true : (required(v ?? '') ?? true)) },
  });
  const flat: Option[] = options.flatMap((o) => ('options' in o ? o.options : [o]));
  const none = { value: '', label: props.noneLabel ?? t('none') };
  const all = optional ? [none, ...(options as Option[])] : options;
  const chosen = flat.find((o) => o.value === field.value) ?? (optional ? none : null);
  return (
    <FormField
      label={useLabel(props)}
      description={props.description}
      constraintText={props.hint}
      errorText={fieldState.error?.message}
    >
      <Select
        ref={field.ref}
        selectedOption={chosen}
        onChange={({ detail }) => field.onChange(detail.selectedOption.value ?? '')}
        onBlur={field.onBlur}
        options={all}
        placeholder={props.placeholder ?? t('choose')}
        disabled={props.disabled}
        statusType={props.status}
        empty={props.empty ?? t('nothingHere')}
        filteringType={flat.length > 8 ? 'auto' : 'none'}
      />
    </FormField>
  );
}

interface MultiProps<T extends FieldValues> extends Common {
  control: Control<T>;
  name: FieldPathByValue<T, string[]>;
  options: Option[];
  placeholder?: string;
  min?: number;
}

/** Some of some options; the form's value is the list of their values. */
export function MultiField<T extends FieldValues>(props: MultiProps<T>) {
  const { t } = useTranslation();
  const { control, name, options, min = 0 } = props;
  const { field, fieldState } = useController({
    control,
    name,
    rules: { validate: (v: string[]) => (v ?? []).length >= min || t('rules.required') },
  });
  const values: string[] = field.value ?? [];
  // What is chosen shows its label alone.
  const named = options.map((o) => ({ ...o, label: o.label ?? o.value }));
  return (
    <FormField
      label={useLabel(props)}
      description={props.description}
      constraintText={props.hint}
      errorText={fieldState.error?.message}
    >
      <Multiselect
        ref={field.ref}
        selectedOptions={named.filter((o) => values.includes(o.value))}
        onChange={({ detail }) => field.onChange(detail.selectedOptions.map((o) => o.value ?? ''))}
        onBlur={field.onBlur}
        options={named}
        placeholder={props.placeholder ?? t('choose')}
        disabled={props.disabled}
        empty={t('nothingHere')}
        deselectAriaLabel={(o) => t('removeItem', { name: o.label ?? o.value })}
        filteringType={options.length > 8 ? 'auto' : 'none'}
      />
    </FormField>
  );
}

interface CheckProps<T extends FieldValues> {
  control: Control<T>;
  name: FieldPathByValue<T, boolean>;
  label: ReactNode;
  description?: ReactNode;
  disabled?: boolean;
}

export function CheckField<T extends FieldValues>({ control, name, label, description, disabled }: CheckProps<T>) {
  const { field } = useController({ control, name });
  return (
    <Checkbox
      ref={field.ref}
      checked={Boolean(field.value)}
      onChange={({ detail }) => field.onChange(detail.checked)}
      description={description}
      disabled={disabled}
    >
      {label}
    </Checkbox>
  );
}

interface RadioProps<T extends FieldValues> extends Common {
  control: Control<T>;
  name: FieldPath<T>;
  options: Option[];
}

export function RadioField<T extends FieldValues>(props: RadioProps<T>) {
  const { field } = useController({ control: props.control, name: props.name });
  return (
    <FormField label={useLabel(props)} description={props.description} constraintText={props.hint}>
      <RadioGroup
        ref={field.ref}
        value={field.value as string}
        onChange={({ detail }) => field.onChange(detail.value)}
        items={props.options.map((o) => ({
          value: o.value,
          label: o.label ?? o.value,
          description: o.description,
          disabled: o.disabled || props.disabled,
        }))}
      />
    </FormField>
  );
}
