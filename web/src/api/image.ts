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

export const useImage = (id: string) =>
  useQuery({ queryKey: ['image', id], queryFn: () => call<Image>('image', 'GET', `/images/${id}`) });
