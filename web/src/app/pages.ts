import type { ComponentType } from 'react';
import { pages as accesskeys } from '~/features/accesskeys/pages';
import { pages as account } from '~/features/account/pages';
import { pages as addressgroups } from '~/features/addressgroups/pages';
import { pages as admin } from '~/features/admin/pages';
import { pages as catalog } from '~/features/catalog/pages';
import { pages as consumers } from '~/features/consumers/pages';
import { pages as credentials } from '~/features/credentials/pages';
import { pages as flavors } from '~/features/flavors/pages';
import { pages as floatingips } from '~/features/floatingips/pages';
import { pages as hosts } from '~/features/hosts/pages';
import { pages as identity } from '~/features/identity/pages';
import { pages as images } from '~/features/images/pages';
import { pages as instance } from '~/features/instance/pages';
import { pages as instances } from '~/features/instances/pages';
import { pages as keypairs } from '~/features/keypairs/pages';
import { pages as metadefs } from '~/features/metadefs/pages';
import { pages as metering } from '~/features/metering/pages';
import { pages as networks } from '~/features/networks/pages';
import { pages as overview } from '~/features/overview/pages';
import { pages as qos } from '~/features/qos/pages';
import { pages as routers } from '~/features/routers/pages';
import { pages as securitygroups } from '~/features/securitygroups/pages';
import { pages as servergroups } from '~/features/servergroups/pages';
import { pages as sharing } from '~/features/sharing/pages';
import { pages as subnetpools } from '~/features/subnetpools/pages';
import { pages as system } from '~/features/system/pages';
import { pages as topology } from '~/features/topology/pages';
import { pages as trace } from '~/features/trace/pages';
import { pages as trusts } from '~/features/trusts/pages';

export type Section = 'overview' | 'compute' | 'network' | 'identity' | 'admin';

/** A page of the dashboard: where it is, who sees it, and what is loaded when somebody goes there. */
export interface PageDef {
  path: string;
  section: Section;
  /** Has a place in the navigation, under the words `nav.items.NAV`. Pages of single things have none. */
  nav?: string;
  admin?: boolean;
  /** Is there only when the Networking API announces this extension. */
  extension?: string;
  /** Stands alone, without header and navigation. */
  bare?: boolean;
  load(): Promise<{ default: ComponentType }>;
}

/** All pages, in the order of the navigation. A page's module is fetched when it is first visited. */
export const pages: PageDef[] = [
  ...overview,
  ...system,
  ...instances,
  ...instance,
  ...keypairs,
  ...images,
  ...flavors,
  ...servergroups,
  ...topology,
  ...networks,
  ...routers,
  ...floatingips,
  ...securitygroups,
  ...addressgroups,
  ...subnetpools,
  ...qos,
  ...metering,
  ...sharing,
  ...trace,
  ...identity,
  ...catalog,
  ...consumers,
  ...credentials,
  ...accesskeys,
  ...trusts,
  ...account,
  ...hosts,
  ...admin,
  ...metadefs,
];
