import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { FormModal } from './FormModal';
import { TextField } from './fields';
import { nameOf } from './format';
import { all, lines, maxLength, type Rule, say } from './rules';

/** tagsOf reads tags, one on a line. */
export const tagsOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** tagList checks tags: no longer than the API takes, none twice, and without what separates them in queries. */
export const tagList = (max: number): Rule =>
  all(lines(all(maxLength(max), (tag) => (/[,/]/.test(tag) ? say('tag') : undefined))), (value) =>
    new Set(tagsOf(value)).size < tagsOf(value).length ? say('twice') : undefined,
  );

interface Props {
  thing: { id: string; name?: string | null; tags: string[] };
  /** Characters that a tag may have. */
  max: number;
  save(tags: string[]): Promise<unknown>;
  onClose(): void;
}

/** The dialog that changes the tags of a thing, whatever it is. */
export function TagsForm({ thing, max, save, onClose }: Props) {
  const { t } = useTranslation();
  const form = useForm({ mode: 'onChange', defaultValues: { tags: thing.tags.join('\n') } });
  return (
    <FormModal
      title={t('tagsTitle', { name: nameOf(thing) })}
      submitLabel={t('save')}
      form={form}
      onSubmit={async ({ tags }) => {
        await save(tagsOf(tags));
      }}
      onClose={onClose}
    >
      <TextField
        control={form.control}
        name="tags"
        label={t('tags')}
        description={t('tagsText')}
        rows={5}
        optional
        autoFocus
        rule={tagList(max)}
      />
    </FormModal>
  );
}
