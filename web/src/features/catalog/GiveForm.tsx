import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { given } from '~/api/endpointGroups';
import { write } from '~/api/write';
import { FormModal } from '~/ui/FormModal';
import { MultiField, type Option } from '~/ui/fields';

interface Props {
  title: string;
  label: string;
  options: Option[];
  /** Where one of the options is given. */
  place(id: string): string;
  onClose(): void;
}

/** The dialog that gives endpoints, or groups of them, to projects. */
export function GiveForm({ title, label, options, place, onClose }: Props) {
  const { t } = useTranslation('catalog');
  const form = useForm({ mode: 'onChange', defaultValues: { chosen: [] as string[] } });
  return (
    <FormModal
      title={title}
      submitLabel={t('giveSubmit')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ chosen }) => {
        await Promise.all(chosen.map((id) => write(given, 'identity', 'PUT', place(id))));
      }}
    >
      <MultiField control={form.control} name="chosen" label={label} options={options} min={1} />
    </FormModal>
  );
}
