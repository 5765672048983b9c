import { useQuery } from '@tanstack/react-query';
import { collect } from './client';

// Where services are, and what the unified limits of projects are: types as in the Identity API v3 reference.

export interface Region {
  id: string;
  description: string;
  parent_region_id: string | null;
}

/** How much of something every project may have that has no limit of its own. */
export interface RegisteredLimit {
  id: string;
  service_id: string;
  region_id: string | null;
  resource_name: string;
  default_limit: number;
  description: string | null;
}

export interface Limit {
  id: string;
  service_id: string;
  region_id: string | null;
  resource_name: string;
  resource_limit: number;
  description: string | null;
  project_id: string | null;
  domain_id: string | null;
}

export const useRegions = () =>
  useQuery({ queryKey: ['region'], queryFn: () => collect<Region>('identity', '/regions', 'regions') });
export const useRegisteredLimits = () =>
  useQuery({
    queryKey: ['registered_limit'],
    queryFn: () => collect<RegisteredLimit>('identity', '/registered_limits', 'registered_limits'),
  });
export const useLimits = () =>
  useQuery({ queryKey: ['limit'], queryFn: () => collect<Limit>('identity', '/limits', 'limits') });
