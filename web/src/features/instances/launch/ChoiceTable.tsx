import { useCollection } from '@cloudscape-design/collection-hooks';
import Box from '@cloudscape-design/components/box';
import FormField from '@cloudscape-design/components/form-field';
import Pagination from '@cloudscape-design/components/pagination';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import TextFilter from '@cloudscape-design/components/text-filter';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { nameOf } from '~/ui/format';

interface Props<T> {
  id: string;
  label: string;
  items: T[];
  columns: TableProps.ColumnDefinition<T>[];
  chosen: string;
  onChoose(id: string): void;
  /** What cannot be chosen; the columns say why. */
  disabled?(item: T): boolean;
  error?: string;
  empty: ReactNode;
}

const perPage = 10;

/** One of many things, chosen from a table that shows what they are. */
export function ChoiceTable<T extends { id: string; name: string | null }>(props: Props<T>) {
  const { t } = useTranslation('instances');
  const { items, columns, chosen } = props;
  const collection = useCollection(items, {
    filtering: {
      fields: ['name', 'id'],
      empty: <Box color="inherit">{props.empty}</Box>,
      noMatch: <Box color="inherit">{t('common:noMatch')}</Box>,
    },
    pagination: { pageSize: perPage },
    sorting: { defaultState: columns[0]?.sortingField ? { sortingColumn: columns[0] } : undefined },
  });
  return (
    <FormField errorText={props.error} stretch>
      <SpaceBetween size="xs">
        <Table
          {...collection.collectionProps}
          data-testid={`choice-${props.id}`}
          variant="embedded"
          wrapLines
          trackBy="id"
          selectionType="single"
          items={collection.items}
          columnDefinitions={columns}
          selectedItems={items.filter((i) => i.id === chosen)}
          onSelectionChange={({ detail }) => props.onChoose(detail.selectedItems[0]?.id ?? '')}
          onRowClick={({ detail }) => {
            if (!props.disabled?.(detail.item)) props.onChoose(detail.item.id);
          }}
          isItemDisabled={props.disabled}
          filter={
            items.length > perPage ? (
              <TextFilter
                {...collection.filterProps}
                filteringPlaceholder={t('common:filter')}
                filteringAriaLabel={t('common:filter')}
                countText={t('common:matches', { count: collection.filteredItemsCount ?? 0 })}
              />
            ) : undefined
          }
          pagination={items.length > perPage ? <Pagination {...collection.paginationProps} /> : undefined}
          ariaLabels={{
            tableLabel: props.label,
            selectionGroupLabel: props.label,
            itemSelectionLabel: (_, item) => t('common:selectItem', { name: nameOf(item) }),
          }}
        />
      </SpaceBetween>
    </FormField>
  );
}
