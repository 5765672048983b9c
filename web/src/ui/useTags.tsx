import { type ReactElement, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Action, opens } from './actions';
import { TagsForm } from './TagsForm';

interface Options<T> {
  /** Why the tags of a thing cannot be changed, in words. */
  refused?(thing: T): string | undefined;
  save(thing: T, tags: string[]): Promise<unknown>;
  /** Characters that a tag may have: 60 if not given, as in the Networking API. */
  max?: number;
}

/** The action that changes the tags of things, and the dialog that it opens. */
export function useTags<T extends { id: string; name?: string | null; tags: string[] }>({
  refused,
  save,
  max = 60,
}: Options<T>): { action: Action<T>; dialog: ReactElement | null } {
  const { t } = useTranslation();
  const [tagged, setTagged] = useState<T>();
  return {
    action: opens({ id: 'tags', text: t('editTags'), refused, open: setTagged }),
    dialog: tagged ? (
      <TagsForm thing={tagged} max={max} save={(tags) => save(tagged, tags)} onClose={() => setTagged(undefined)} />
    ) : null,
  };
}
