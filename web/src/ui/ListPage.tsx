import Button from '@cloudscape-design/components/button';
import { type ReactNode, useState } from 'react';
import { Crumbs } from './Page';
import { ResourceTable, type ResourceTableProps } from './ResourceTable';

interface ListProps<T> extends ResourceTableProps<T> {
  /** The button that makes one more thing, and the form that it opens. */
  create?: {
    text: string;
    form(close: () => void): ReactNode;
    /** The button's test id; `create` if not given. */
    testId?: string;
    /** For a button that stands beside a more important one. */
    secondary?: boolean;
  };
  /** What an action of the list has opened. */
  dialog?: ReactNode;
}

/** A table of things and the dialogs that belong to it: the form of a new one, and what the actions open. */
export function ListTable<T extends { id: string; name?: string | null }>({
  create,
  dialog,
  buttons,
  ...table
}: ListProps<T>) {
  const [creating, setCreating] = useState(false);
  return (
    <>
      <ResourceTable
        {...table}
        buttons={
          <>
            {buttons}
            {create && (
              <Button
                variant={create.secondary ? 'normal' : 'primary'}
                onClick={() => setCreating(true)}
                data-testid={create.testId ?? 'create'}
              >
                {create.text}
              </Button>
            )}
          </>
        }
      />
      {creating && create?.form(() => setCreating(false))}
      {dialog}
    </>
  );
}

/** A page of the navigation that is one list: its place in the trail, and the list. */
export function ListPage<T extends { id: string; name?: string | null }>({
  path,
  ...list
}: ListProps<T> & { path: string }) {
  return (
    <>
      <Crumbs trail={[{ text: list.title, href: path }]} />
      <ListTable {...list} />
    </>
  );
}
