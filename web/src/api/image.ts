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

export const useImages = () =>
  useQuery({
    queryKey: ['image'],
    queryFn: () => collect<Image>('image', '/images', 'images', { query: { limit: 1000 } }),
  });

/** Images of the own project that lists leave out, and, for administrators, those of all. */
export const useHiddenImages = () =>
  useQuery({
    queryKey: ['image', { hidden: true }],
    queryFn: () => collect<Image>('image', '/images', 'images', { query: { limit: 1000, os_hidden: true } }),
  });

/** Images that other projects share with this one, and that it has not answered. */
export const useOfferedImages = () =>
  useQuery({
    queryKey: ['image', { offered: true }],
    queryFn: () =>
      collect<Image>('image', '/images', 'images', {
        query: { limit: 1000, visibility: 'shared', member_status: 'pending' },
      }),
  });

export const useImage = (id: string) =>
  useQuery({ queryKey: ['image', id], queryFn: () => call<Image>('image', 'GET', `/images/${id}`) });

/** One whom an image is shared with. */
export interface ImageMember {
  image_id: string;
  member_id: string;
  status: 'pending' | 'accepted' | 'rejected';
  created_at: string;
}

/** An import of data, as it went. */
export interface ImageTask {
  id: string;
  type: string;
  status: 'pending' | 'processing' | 'success' | 'failure';
  message: string;
  created_at: string;
  updated_at: string;
  input?: { import_req?: { method?: { name?: string; uri?: string } } };
}

/** A task of the image service, of any project: for administrators. A list leaves out what only a task by itself tells. */
export interface Task extends Pick<ImageTask, 'id' | 'type' | 'status' | 'created_at' | 'updated_at'> {
  owner: string;
  /** When the finished task is removed. */
  expires_at?: string;
  message?: string;
  input?: unknown;
  image_id?: string;
  request_id?: string;
  user_id?: string;
}

export const useTasks = () =>
  useQuery({
    queryKey: ['image', { tasks: true }],
    queryFn: () => collect<Task>('image', '/tasks', 'tasks', { query: { limit: 1000 } }),
  });
export const useTask = (id: string) =>
  useQuery({ queryKey: ['image', { task: id }], queryFn: () => call<Task>('image', 'GET', `/tasks/${id}`) });

export const useImageMembers = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: ['image', id, 'members'],
    queryFn: () => call<{ members: ImageMember[] }>('image', 'GET', `/images/${id}/members`).then((a) => a.members),
    enabled,
  });

/** Imports of an image; again: how soon to ask again, in ms, while one is under way. */
export const useImageTasks = (id: string, again: number | false = false) =>
  useQuery({
    queryKey: ['image', id, 'tasks'],
    queryFn: () => call<{ tasks: ImageTask[] }>('image', 'GET', `/images/${id}/tasks`).then((a) => a.tasks),
    refetchInterval: again,
  });

/** Names that the API has for itself; whatever else stands beside them is a property of the owner's. */
export const attributes: ReadonlySet<string> = new Set(
  `id name status visibility owner disk_format container_format size virtual_size checksum os_hash_algo os_hash_value min_disk
  min_ram protected os_hidden tags created_at updated_at self file schema stores locations direct_url
  os_glance_importing_to_stores os_glance_failed_import os_glance_import_task location deleted deleted_at`.split(/\s+/),
);

export const propertiesOf = (image: Image): Record<string, string> =>
  Object.fromEntries(
    Object.entries(image)
      .filter(([name, value]) => !attributes.has(name) && value !== null)
      .map(([name, value]) => [name, String(value)]),
  );
