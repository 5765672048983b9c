import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs, { type TabsProps } from '@cloudscape-design/components/tabs';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useParams } from 'react-router-dom';
import { ActionButtons } from './ActionButtons';
import type { Actions } from './actions';
import { nameOf } from './format';
import { Loaded } from './Loaded';
import { type Crumb, Crumbs } from './Page';
import { useTab } from './useTab';

interface PageProps<T> {
  /** The list that the thing is in. */
  list: Crumb;
  query: Pick<UseQueryResult<T>, 'data' | 'error'> & { refetch(): Promise<unknown> };
  children(thing: T): ReactNode;
}

/** The page of a single thing: its place in the trail, and the thing when it is there. */
export function ThingPage<T extends { id: string; name?: string | null }>({ list, query, children }: PageProps<T>) {
  const { id = '' } = useParams();
  return (
    <>
      <Crumbs trail={[list, { text: query.data ? nameOf(query.data) : id, href: `${list.href}/${id}` }]} />
      <Loaded query={query}>{children}</Loaded>
    </>
  );
}

interface Props<T> {
  thing: T;
  description?: ReactNode;
  actions?: Actions<T>;
  facts: KeyValuePairsProps.Item[];
  tabs?: TabsProps.Tab[];
  dialog?: ReactNode;
}

/** What there is to know of a thing, what can be done to it, and the things that belong to it. */
export function Thing<T extends { id: string; name?: string | null }>(props: Props<T>) {
  const { thing, actions, facts, tabs = [] } = props;
  const [tab, setTab] = useTab(tabs[0]?.id ?? '');
  return (
    <SpaceBetween size="l">
      <Header
        variant="h1"
        description={props.description}
        actions={actions && <ActionButtons actions={actions} items={[thing]} />}
      >
        {nameOf(thing)}
      </Header>
      <Container>
        <KeyValuePairs columns={4} items={facts} />
      </Container>
      {tabs.length > 0 && <Tabs activeTabId={tab} onChange={({ detail }) => setTab(detail.activeTabId)} tabs={tabs} />}
      {props.dialog}
    </SpaceBetween>
  );
}
