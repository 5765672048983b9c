import { useQuery } from '@tanstack/react-query';
import { call, collect } from './client';

/** Types as in the Image API v2 reference. Properties stand beside the attributes. */
export interface Image {
  id: string;
  name: string | null;
  status: string;
  visibility: 'public' | 'private' | 'shared' | 'community';
  owner: string | null;
  disk_format: string | null;
  container_format: string | null;
  size: number | null;
  virtual_size: number | null;
  checksum: string | null;
  os_hash_algo: string | null;
  os_hash_value: string | null;
  min_disk: number;
  min_ram: number;
  protected: boolean;
  os_hidden: boolean;
  tags: string[];
  created_at: string;
  updated_at: string;
  [property: string]: unknown;
}

/** A project that a shared image is shared with, and its answer. */
export interface ImageMember {
  image_id: string;
  member_id: string;
  status: 'pending' | 'accepted' | 'rejected';
  created_at: string;
  updated_at: string;
}

/** An import of an image's data. */
export interface ImageTask {
  id: string;
  status: 'pending' | 'processing' | 'success' | 'failure';
  message: string;
  created_at: string;
  updated_at: string;
  input: { import_req?: { method?: { name: string; uri?: string } } } | null;
}

/** What the API itself says of an image: everything else is a property. */
const base = [
  'id',
  'name',
  'status',
  'visibility',
  'owner',
  'disk_format',
  'container_format',
  'size',
  'virtual_size',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'min_disk',
  'min_ram',
  'protected',
  'os_hidden',
  'tags',
  'created_at',
  'updated_at',
  'self',
  'file',
  'schema',
  'stores',
  'direct_url',
  'locations',
];

/** propertiesOf are an image's custom properties; those that the service keeps for its imports are not the user's. */
export const propertiesOf = (image: Image): Record<string, string> =>
  Object.fromEntries(
    Object.entries(image)
      .filter(([key, value]) => !base.includes(key) && !key.startsWith('os_glance_') && value !== null)
      .map(([key, value]) => [key, String(value)]),
  );

export const useImages = () =>
  useQuery({
    queryKey: ['image'],
    queryFn: () => collect<Image>('image', '/images', 'images', { query: { limit: 1000 } }),
  });

export const useImage = (id: string) =>
  useQuery({ queryKey: ['image', id], queryFn: () => call<Image>('image', 'GET', `/images/${id}`) });

/** Images that other projects share with this one, which has not answered yet. */
export const useOfferedImages = () =>
  useQuery({
    queryKey: ['image', { offered: true }],
    queryFn: () =>
      collect<Image>('image', '/images', 'images', {
        query: { limit: 1000, visibility: 'shared', member_status: 'pending' },
      }),
  });

export const useImageMembers = (id: string, enabled = true) =>
  useQuery({
    queryKey: ['image', id, 'members'],
    queryFn: () => call<{ members: ImageMember[] }>('image', 'GET', `/images/${id}/members`).then((a) => a.members),
    enabled,
  });

/** Imports of an image, the newest first. Nothing tells of their progress, so it is asked while one is under way. */
export const useImageTasks = (id: string, underWay = false) =>
  useQuery({
    queryKey: ['image', id, 'tasks'],
    queryFn: () =>
      call<{ tasks: ImageTask[] }>('image', 'GET', `/images/${id}/tasks`).then((a) =>
        a.tasks.sort((x, y) => y.created_at.localeCompare(x.created_at)),
      ),
    refetchInterval: underWay ? 2_000 : false,
  });

/** Ways in which the service takes data by itself: web-download, … */
export const useImportMethods = () =>
  useQuery({
    queryKey: ['image', { importMethods: true }],
    queryFn: () =>
      call<{ 'import-methods': { value: string[] } }>('image', 'GET', '/info/import').then(
        (a) => a['import-methods'].value,
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
