import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs, { type KeyValuePairsProps } from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { ActionButtons } from '~/ui/ActionButtons';
import type { Actions } from '~/ui/actions';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';

interface Props<T> {
  thing: T;
  /** The thing's own page. */
  to: string;
  actions: Actions<T>;
  facts: KeyValuePairsProps['items'];
  /** Buttons for what is done most often. */
  children: ReactNode;
  dialog: ReactNode;
}

/** A thing of the graph: its name leads to its page, its facts, and what can be done to it. */
export function Panel<T extends { id: string; name: string }>({
  thing,
  to,
  actions,
  facts,
  children,
  dialog,
}: Props<T>) {
  return (
    <Container
      header={
        <Header variant="h2" actions={<ActionButtons actions={actions} items={[thing]} />}>
          <Go to={to} fontSize="heading-m">
            {nameOf(thing)}
          </Go>
        </Header>
      }
    >
      <SpaceBetween size="m">
        <KeyValuePairs columns={1} items={facts} />
        <SpaceBetween direction="horizontal" size="xs">
          {children}
        </SpaceBetween>
      </SpaceBetween>
      {dialog}
    </Container>
  );
}
