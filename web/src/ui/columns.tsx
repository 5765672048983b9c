import { useTranslation } from 'react-i18next';
import { Copyable } from './Copyable';
import { formatTime, nameOf } from './format';
import { Go } from './Go';
import type { Column } from './ResourceTable';
import { Status, YesNo } from './Status';

const shown = (value: string | number | null | undefined) => (value === '' ? '–' : (value ?? '–'));

/** Columns that many lists have, each under the same id. T: what `text` and `flag` are told of. */
export function useColumns<T extends { id: string; name?: string | null } = { id: string; name?: string | null }>() {
  const { t } = useTranslation();
  const switched = (on: boolean) => t(on ? 'status.ENABLED' : 'status.DISABLED');
  return {
    /** The name; with a path, a link to the thing's own page below it. */
    name: (path?: string, width = 220): Column<T> => ({
      id: 'name',
      header: t('name'),
      cell: (one) => (path ? <Go to={`${path}/${one.id}`}>{nameOf(one)}</Go> : nameOf(one)),
      value: nameOf,
      width,
    }),
    id: (visible = false): Column<T> => ({
      id: 'id',
      header: t('id'),
      cell: (one) => (visible ? <Copyable text={one.id} /> : one.id),
      value: (one) => one.id,
      visible,
      width: 300,
    }),
    description: (width = 260): Column<{ description?: string | null }> => ({
      id: 'description',
      header: t('description'),
      cell: (one) => one.description || '–',
      value: (one) => one.description,
      width,
    }),
    enabled: (): Column<{ enabled: boolean }> => ({
      id: 'enabled',
      header: t('statusLabel'),
      cell: (one) => <Status value={one.enabled ? 'ENABLED' : 'DISABLED'} />,
      value: (one) => switched(one.enabled),
    }),
    tags: (): Column<{ tags: string[] }> => ({
      id: 'tags',
      header: t('tags'),
      cell: (one) => one.tags.join(', ') || '–',
      value: (one) => one.tags.join(', '),
      visible: false,
    }),
    created: (): Column<{ created_at: string }> => ({
      id: 'created',
      header: t('created'),
      cell: (one) => formatTime(one.created_at),
      value: (one) => one.created_at,
      visible: false,
    }),
    /** A text of the thing, or a dash where it has none. */
    text: (
      id: string,
      header: string,
      value: (one: T) => string | number | null | undefined,
      more?: Partial<Column<T>>,
    ): Column<T> => ({ id, header, cell: (one) => shown(value(one)), value, ...more }),
    time: (id: string, header: string, value: (one: T) => string, more?: Partial<Column<T>>): Column<T> => ({
      id,
      header,
      cell: (one) => formatTime(value(one)),
      value,
      ...more,
    }),
    flag: (id: string, header: string, value: (one: T) => boolean, more?: Partial<Column<T>>): Column<T> => ({
      id,
      header,
      cell: (one) => <YesNo value={value(one)} />,
      value: (one) => t(value(one) ? 'yes' : 'no'),
      width: 110,
      ...more,
    }),
  };
}
