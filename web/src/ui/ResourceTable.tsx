import { useCollection } from '@cloudscape-design/collection-hooks';
import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CollectionPreferences, {
  type CollectionPreferencesProps,
} from '@cloudscape-design/components/collection-preferences';
import Header from '@cloudscape-design/components/header';
import Pagination from '@cloudscape-design/components/pagination';
import PropertyFilter from '@cloudscape-design/components/property-filter';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { messageOf } from '~/api/error';
import { ActionButtons } from './ActionButtons';
import type { Actions } from './actions';

export interface Column<T> {
  id: string;
  header: string;
  cell(item: T): ReactNode;
  /** What the column is sorted and filtered by; without it, it is neither. */
  value?(item: T): string | number | boolean | null | undefined;
  /** Shown from the start; true if not given. */
  visible?: boolean;
  width?: number;
}

export interface ResourceTableProps<T> {
  /** Name of the table in the memory of preferences, and its test id. */
  id: string;
  title: string;
  description?: ReactNode;
  query: Pick<UseQueryResult<T[]>, 'data' | 'error' | 'isPending' | 'isFetching'> & { refetch(): Promise<unknown> };
  columns: Column<T>[];
  actions?: Actions<T>;
  /** Buttons that need no selection: create, upload, … */
  buttons?: ReactNode;
  empty: { title: string; text?: string; action?: ReactNode };
  /** Part of what is shown could not be had; the rest is there. */
  partial?: string;
  variant?: TableProps.Variant;
  /** Long texts are shown whole, on several lines. */
  wrap?: boolean;
}

interface Kept {
  pageSize: number;
  visible: string[];
}

const pageSizes = [25, 50, 100];

function usePreferences<T>(id: string, columns: Column<T>[]): [Kept, (next: Kept) => void] {
  const key = `wisp.table.${id}`;
  const [kept, keep] = useState<Kept>(() => {
    const standard = { pageSize: 50, visible: columns.filter((c) => c.visible !== false).map((c) => c.id) };
    try {
      return { ...standard, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Kept>) };
    } catch {
      return standard;
    }
  });
  return [
    kept,
    (next) => {
      localStorage.setItem(key, JSON.stringify(next));
      keep(next);
    },
  ];
}

/** roomFor is what a header takes with its sort mark and its edges, in px: Chinese characters are about twice as wide as Latin ones. */
const roomFor = (header: string): number =>
  64 + [...header].reduce((sum, letter) => sum + (letter > '\u2e80' ? 16 : 9), 0);

/** suggestions are the values that the filter offers: those of the columns, not those of the raw objects. */
function suggestions<T>(items: readonly T[], columns: Column<T>[]): { propertyKey: string; value: string }[] {
  return columns.flatMap((column) => {
    const values = new Set<string>();
    for (const item of items) {
      const value = String(column.value?.(item) ?? '');
      if (value) values.add(value);
    }
    return [...values].map((value) => ({ propertyKey: column.id, value }));
  });
}

/**
 * The list of all things of one kind: filter by property, sort, pages, selection with actions on many, and the states
 * empty, loading, failed and partial.
 */
export function ResourceTable<T extends { id: string; name?: string | null }>(props: ResourceTableProps<T>) {
  const { t } = useTranslation();
  const { query, columns, actions } = props;
  const [preferences, keepPreferences] = usePreferences(props.id, columns);
  const items = query.data ?? [];
  const searchable = columns.filter((c) => c.value);
  const filteringOptions = useMemo(() => suggestions(query.data ?? [], columns), [query.data, columns]);
  const propertyOf = (item: T, key: string) => columns.find((c) => c.id === key)?.value?.(item);
  const emptyState = (title: string, text?: string, action?: ReactNode) => (
    <Box margin={{ vertical: 'xs' }} textAlign="center" color="inherit">
      <SpaceBetween size="m">
        <div>
          <b>{title}</b>
          {text && (
            <Box variant="p" color="inherit">
              {text}
            </Box>
          )}
        </div>
        {action}
      </SpaceBetween>
    </Box>
  );
  const collection = useCollection(items, {
    propertyFiltering: {
      filteringProperties: searchable.map((c) => ({
        key: c.id,
        propertyLabel: c.header,
        groupValuesLabel: c.header,
        operators: [':', '!:', '=', '!='],
      })),
      filteringFunction: (item, { tokens, operation }) => {
        const matches = tokens.map((token) => {
          const wanted = String(token.value).toLowerCase();
          const values = (token.propertyKey ? [token.propertyKey] : searchable.map((c) => c.id)).map((key) =>
            String(propertyOf(item, key) ?? '').toLowerCase(),
          );
          const negative = token.operator.startsWith('!');
          const exact = token.operator.endsWith('=');
          const found = values.some((v) => (exact ? v === wanted : v.includes(wanted)));
          return negative ? !found : found;
        });
        return operation === 'or' ? matches.some(Boolean) : matches.every(Boolean);
      },
      empty: emptyState(props.empty.title, props.empty.text, props.empty.action),
      noMatch: emptyState(
        t('noMatch'),
        undefined,
        <Button onClick={() => collection.actions.setPropertyFiltering({ tokens: [], operation: 'and' })}>
          {t('clearFilter')}
        </Button>,
      ),
    },
    pagination: { pageSize: preferences.pageSize },
    sorting: {},
    selection: { keepSelection: true, trackBy: 'id' },
  });
  // The table remembers things as they were when they were ticked; what is done is done to what they are now.
  const ticked = collection.collectionProps.selectedItems;
  const selected = useMemo(() => {
    const now = new Map((query.data ?? []).map((item) => [item.id, item]));
    return (ticked ?? []).flatMap((item) => now.get(item.id) ?? []);
  }, [query.data, ticked]);
  const definitions: TableProps.ColumnDefinition<T>[] = columns.map((c) => ({
    id: c.id,
    header: c.header,
    cell: c.cell,
    // Headers are read whole, whatever their language; where lines wrap they do so by themselves.
    width: c.width && !props.wrap ? Math.max(c.width, roomFor(c.header)) : c.width,
    minWidth: props.wrap ? 90 : roomFor(c.header),
    isRowHeader: c.id === 'name',
    sortingComparator: c.value
      ? (a, b) => {
          const [x, y] = [c.value?.(a) ?? '', c.value?.(b) ?? ''];
          return typeof x === 'number' && typeof y === 'number'
            ? x - y
            : String(x).localeCompare(String(y), undefined, { numeric: true });
        }
      : undefined,
  }));
  const shown = collection.filteredItemsCount ?? items.length;
  const failed = query.error && !query.data;
  return (
    <SpaceBetween size="s">
      {failed && (
        <Alert
          type="error"
          header={t('loadFailed')}
          action={<Button onClick={() => void query.refetch()}>{t('retry')}</Button>}
        >
          {messageOf(query.error)}
        </Alert>
      )}
      {props.partial && <Alert type="warning">{props.partial}</Alert>}
      <Table
        {...collection.collectionProps}
        selectedItems={selected}
        data-testid={`table-${props.id}`}
        variant={props.variant ?? 'container'}
        items={collection.items}
        columnDefinitions={definitions}
        columnDisplay={columns.map((c) => ({ id: c.id, visible: preferences.visible.includes(c.id) }))}
        loading={query.isPending}
        loadingText={t('loading')}
        empty={failed ? <Box color="inherit">{t('loadFailed')}</Box> : collection.collectionProps.empty}
        selectionType={actions ? 'multi' : undefined}
        resizableColumns
        wrapLines={props.wrap}
        enableKeyboardNavigation
        stickyHeader
        header={
          <Header
            counter={
              query.data ? (shown === items.length ? `(${items.length})` : `(${shown}/${items.length})`) : undefined
            }
            description={props.description}
            actions={
              <SpaceBetween direction="horizontal" size="xs" alignItems="center">
                <Button
                  iconName="refresh"
                  ariaLabel={t('refresh')}
                  loading={query.isFetching && !query.isPending}
                  onClick={() => void query.refetch()}
                />
                {actions && (
                  <ActionButtons
                    actions={actions}
                    items={selected}
                    onDone={() => collection.actions.setSelectedItems([])}
                  />
                )}
                {props.buttons}
              </SpaceBetween>
            }
          >
            {props.title}
          </Header>
        }
        filter={
          <PropertyFilter
            {...collection.propertyFilterProps}
            filteringOptions={filteringOptions}
            virtualScroll
            filteringPlaceholder={t('filter')}
            filteringAriaLabel={t('filter')}
            countText={t('matches', { count: shown })}
            expandToViewport
          />
        }
        pagination={<Pagination {...collection.paginationProps} />}
        preferences={
          <CollectionPreferences
            title={t('preferences')}
            confirmLabel={t('save')}
            cancelLabel={t('cancel')}
            preferences={
              {
                pageSize: preferences.pageSize,
                visibleContent: preferences.visible,
              } satisfies CollectionPreferencesProps.Preferences
            }
            pageSizePreference={{
              title: t('pageSize'),
              options: pageSizes.map((n) => ({ value: n, label: String(n) })),
            }}
            visibleContentPreference={{
              title: t('columns'),
              options: [
                { label: '', options: columns.map((c) => ({ id: c.id, label: c.header, editable: c.id !== 'name' })) },
              ],
            }}
            onConfirm={({ detail }) =>
              keepPreferences({
                pageSize: detail.pageSize ?? preferences.pageSize,
                visible: [...(detail.visibleContent ?? preferences.visible)],
              })
            }
          />
        }
        ariaLabels={{
          tableLabel: props.title,
          selectionGroupLabel: t('selection'),
          allItemsSelectionLabel: () => t('selectAll'),
          itemSelectionLabel: (_, item) => t('selectItem', { name: item.name || item.id }),
          activateEditLabel: (column) => String(column.header),
          cancelEditLabel: () => t('cancel'),
          submitEditLabel: () => t('save'),
        }}
      />
    </SpaceBetween>
  );
}
