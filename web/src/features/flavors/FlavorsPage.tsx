import Button from '@cloudscape-design/components/button';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { type Flavor, useFlavors } from '~/api/compute';
import { useSession } from '~/app/useSession';
import { type Action, opens } from '~/ui/actions';
import { formatGiB, formatMiB } from '~/ui/format';
import { Crumbs } from '~/ui/Page';
import { type Column, ResourceTable } from '~/ui/ResourceTable';
import { AccessForm, DescriptionForm, SpecsForm } from './dialogs';
import { FlavorForm } from './FlavorForm';
import { deleteFlavor } from './mutations';
import { SuggestedSizes } from './SuggestedSizes';

const forms = { description: DescriptionForm, specs: SpecsForm, access: AccessForm };
type Open = { dialog: 'create' | 'suggested' } | { dialog: keyof typeof forms; flavor: Flavor };

const specsOf = (f: Flavor): string =>
  Object.entries(f.extra_specs ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

export default function FlavorsPage() {
  const { t } = useTranslation('flavors');
  const { isAdmin } = useSession();
  const navigate = useNavigate();
  const query = useFlavors(isAdmin);
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const title = t('common:nav.items.flavors');
  const columns = useMemo((): Column<Flavor>[] => {
    const ephemeral = (f: Flavor) => f['OS-FLV-EXT-DATA:ephemeral'];
    const isPublic = (f: Flavor) => f['os-flavor-access:is_public'];
    return [
      { id: 'name', header: t('common:name'), cell: (f) => f.name, value: (f) => f.name, width: 160 },
      { id: 'vcpus', header: t('vcpus'), cell: (f) => f.vcpus, value: (f) => f.vcpus, width: 100 },
      { id: 'ram', header: t('ram'), cell: (f) => formatMiB(f.ram), value: (f) => f.ram, width: 110 },
      {
        id: 'disk',
        header: t('disk'),
        cell: (f) => (f.disk ? formatGiB(f.disk) : t('diskOfImage')),
        value: (f) => f.disk,
        width: 125,
      },
      {
        id: 'ephemeral',
        header: t('ephemeral'),
        cell: (f) => (ephemeral(f) ? formatGiB(ephemeral(f)) : '–'),
        value: ephemeral,
        width: 150,
        visible: false,
      },
      {
        id: 'swap',
        header: t('swap'),
        cell: (f) => (f.swap ? formatMiB(f.swap) : '–'),
        value: (f) => Number(f.swap),
        width: 110,
        visible: false,
      },
      {
        id: 'public',
        header: t('visibility'),
        cell: (f) => t(isPublic(f) ? 'public' : 'private'),
        value: (f) => t(isPublic(f) ? 'public' : 'private'),
        width: 130,
      },
      {
        id: 'about',
        header: t('common:description'),
        cell: (f) => f.description ?? '–',
        value: (f) => f.description,
        width: 200,
      },
      {
        id: 'specs',
        header: t('specs.label'),
        cell: (f) => specsOf(f) || '–',
        value: specsOf,
        visible: isAdmin,
        width: 200,
      },
      { id: 'id', header: t('common:id'), cell: (f) => f.id, value: (f) => f.id, visible: false, width: 310 },
    ];
  }, [t, isAdmin]);
  const opener = (dialog: keyof typeof forms, text: string, refused?: (f: Flavor) => string | undefined) =>
    opens({ id: dialog, text, refused, open: (flavor: Flavor) => setOpen({ dialog, flavor }) });
  const launch = opens({
    id: 'launch',
    text: t('launch'),
    open: (f: Flavor) => navigate(`/instances/launch?flavor=${encodeURIComponent(f.id)}`),
  });
  const manage: Action<Flavor>[] = [
    opener('description', t('edit.action')),
    opener('specs', t('specs.action')),
    opener('access', t('access.action'), (f) => (f['os-flavor-access:is_public'] ? t('access.refused') : undefined)),
    {
      id: 'delete',
      text: t('common:delete'),
      danger: true,
      question: (flavors) => ({
        title: t('deleteTitle', { count: flavors.length, name: flavors[0]?.name }),
        body: t('deleteText'),
      }),
      run: (f) => deleteFlavor(f.id),
    },
  ];
  const Form = open && 'flavor' in open ? forms[open.dialog] : undefined;
  return (
    <>
      <Crumbs trail={[{ text: title, href: '/flavors' }]} />
      <ResourceTable
        id="flavors"
        title={title}
        query={query}
        columns={columns}
        actions={isAdmin ? [launch, ...manage] : [launch]}
        buttons={
          isAdmin && (
            <Button variant="primary" onClick={() => setOpen({ dialog: 'create' })} data-testid="create">
              {t('create')}
            </Button>
          )
        }
        empty={{
          title: t('empty'),
          text: t(isAdmin ? 'emptyAdmin' : 'emptyText'),
          action: isAdmin && (
            <Button onClick={() => setOpen({ dialog: 'suggested' })} data-testid="suggested">
              {t('suggested.action')}
            </Button>
          ),
        }}
      />
      {open?.dialog === 'create' && <FlavorForm onClose={close} />}
      {open?.dialog === 'suggested' && <SuggestedSizes onClose={close} />}
      {Form && open && 'flavor' in open && <Form flavor={open.flavor} onClose={close} />}
    </>
  );
}
