import i18next from 'i18next';
import type { AbsoluteLimits, Flavor } from '~/api/compute';
import type { Image } from '~/api/image';
import type { Network, Port, SecurityGroup, Subnet } from '~/api/network';
import { all, type Rule, required, wholeNumber } from '~/ui/rules';
import { descriptionRule, metadataKey, metadataValue, nameRule, tagsRule } from '../rules';
import { exceeds, misfitOf, quotaLines } from './fits';
import { addressProblem, autoNetwork, unfitOf } from './networking';
import type { Step } from './steps';
import { bytesOf, maxBytes } from './userData';
import type { LaunchValues } from './values';

/** What is known of the cloud when the wizard checks. What is not known (yet) is not checked. */
export interface Known {
  project: string;
  isAdmin: boolean;
  images?: Image[];
  flavors?: Flavor[];
  limits?: AbsoluteLimits;
  networks?: Network[];
  subnets?: Subnet[];
  ports?: Port[];
  groups?: SecurityGroup[];
  keys?: string[];
}

export interface Problem {
  step: Step;
  field: keyof LaunchValues;
  text: string;
}

export const maxCount = 1000;
export const countRule: Rule = wholeNumber(1, maxCount);

const words = (key: string, values?: object): string => i18next.t(`instances:launch.problem.${key}`, { ...values });

/** bootable are images that a server can be made of: there in full, and neither kernel nor ramdisk. */
export const bootable = (images: Image[]): Image[] =>
  images.filter((i) => i.status === 'active' && !['aki', 'ari'].includes(i.disk_format ?? ''));

/** problemsOf is everything that would have the request refused, in the order of the steps. */
export function problemsOf(v: LaunchValues, known: Known): Problem[] {
  const found: Problem[] = [];
  const add = (step: Step, field: keyof LaunchValues, text: string | undefined) => {
    if (text) found.push({ step, field, text });
  };
  add('details', 'name', all(required, nameRule)(v.name));
  add('details', 'description', descriptionRule(v.description));
  add('details', 'count', all(required, countRule)(v.count));
  add('source', 'image', imageProblem(v, known));
  add('flavor', 'flavor', flavorProblem(v, known));
  add('networks', 'nics', networkProblem(v, known));
  if (v.key && known.keys && !known.keys.includes(v.key)) add('key', 'key', words('keyGone', { name: v.key }));
  const bytes = bytesOf(v.userData);
  if (bytes > maxBytes) add('advanced', 'userData', words('userData', { bytes, max: maxBytes }));
  add('advanced', 'metadata', metadataProblem(v, known));
  add('advanced', 'tags', tagsRule(v.tags));
  return found;
}

function imageProblem(v: LaunchValues, { images }: Known): string | undefined {
  if (!v.image) return words('image');
  if (!images || bootable(images).some((i) => i.id === v.image)) return undefined;
  return words('imageGone');
}

function flavorProblem(v: LaunchValues, known: Known): string | undefined {
  if (!v.flavor) return words('flavor');
  const flavor = known.flavors?.find((f) => f.id === v.flavor);
  if (!flavor) return known.flavors ? words('flavorGone') : undefined;
  const misfit = misfitOf(
    flavor,
    known.images?.find((i) => i.id === v.image),
    known.isAdmin,
  );
  if (misfit) return i18next.t(`instances:misfit.${misfit.word}`, { need: misfit.need });
  const over = known.limits && quotaLines(known.limits, flavor, Number(v.count)).find(exceeds);
  return over && words('quota', { what: i18next.t(`instances:quota.${over.resource}`) });
}

function networkProblem(v: LaunchValues, known: Known): string | undefined {
  const { networks, project, isAdmin } = known;
  if (v.networking === 'none') return undefined;
  if (v.networking === 'auto')
    return networks && autoNetwork(networks, project) === 'ambiguous' ? words('ambiguous') : undefined;
  if (v.nics.length === 0) return words('networks');
  const many = Number(v.count) > 1;
  for (const nic of v.nics) {
    if (many && nic.kind === 'port') return words('portForMany');
    if (many && nic.address.trim()) return words('addressForMany');
    if (nic.kind === 'port' && known.ports && !known.ports.some((p) => p.id === nic.id)) return words('portGone');
    const network = networks?.find((n) => n.id === nic.id);
    if (nic.kind === 'network' && networks && !network) return words('networkGone');
    const unfit = network && unfitOf(network, project, isAdmin);
    if (unfit) return i18next.t(`instances:unfitNetwork.${unfit}`);
    const wrong = addressProblem(nic, known.subnets ?? []);
    if (wrong) return wrong;
  }
  return undefined;
}

function metadataProblem(v: LaunchValues, { limits }: Known): string | undefined {
  const max = limits?.maxServerMeta ?? -1;
  if (max >= 0 && v.metadata.length > max) return words('metadataCount', { max });
  const keys = v.metadata.map((p) => p.key.trim());
  if (new Set(keys).size < keys.length) return words('metadataTwice');
  return v.metadata.map((p) => metadataKey(p.key) ?? metadataValue(p.value)).find((wrong) => wrong !== undefined);
}
