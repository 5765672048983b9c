import FormField from '@cloudscape-design/components/form-field';
import Input, { type InputProps } from '@cloudscape-design/components/input';
import Textarea from '@cloudscape-design/components/textarea';
import type { ReactNode } from 'react';
import { type Control, type FieldPathByValue, type FieldValues, useController } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { all, type Rule, required } from './rule';

// The log-in shows this field alone, and is loaded first: what other fields need is not here.

/** What all fields have. */
export interface Common {
  label: ReactNode;
  description?: ReactNode;
  hint?: ReactNode;
  disabled?: boolean;
  optional?: boolean;
}

export function useLabel({ label, optional }: Common): ReactNode {
  const { t } = useTranslation();
  return optional ? (
    <>
      {label} <i>– {t('optional')}</i>
    </>
  ) : (
    label
  );
}

interface TextProps<T extends FieldValues> extends Common {
  control: Control<T>;
  name: FieldPathByValue<T, string>;
  rule?: Rule;
  type?: InputProps.Type;
  inputMode?: InputProps.InputMode;
  placeholder?: string;
  autoFocus?: boolean;
  autoComplete?: InputProps['autoComplete'];
  /** More than one line. */
  rows?: number;
}

/** A field of text, checked as it is typed. Without `optional` it must not be empty. */
export function TextField<T extends FieldValues>(props: TextProps<T>) {
  const { control, name, rule, optional, rows } = props;
  const check = all(...(optional ? [] : [required]), ...(rule ? [rule] : []));
  const { field, fieldState } = useController({ control, name, rules: { validate: (v) => check(v ?? '') ?? true } });
  const shared = {
    value: field.value ?? '',
    onBlur: field.onBlur,
    onChange: ({ detail }: { detail: { value: string } }) => field.onChange(detail.value),
    placeholder: props.placeholder,
    disabled: props.disabled,
    ref: field.ref,
    autoFocus: props.autoFocus,
    spellcheck: false,
  };
  return (
    <FormField
      label={useLabel(props)}
      description={props.description}
      constraintText={props.hint}
      errorText={fieldState.error?.message}
      stretch={rows !== undefined}
    >
      {rows ? (
        <Textarea {...shared} rows={rows} />
      ) : (
        <Input
          {...shared}
          type={props.type ?? 'text'}
          inputMode={props.inputMode}
          autoComplete={props.autoComplete ?? false}
        />
      )}
    </FormField>
  );
}
