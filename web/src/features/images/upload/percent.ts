import type { Progress } from './uploader';

export const percentOf = ({ sent, total }: Pick<Progress, 'sent' | 'total'>): number =>
  total > 0 ? Math.floor((sent / total) * 100) : 0;
