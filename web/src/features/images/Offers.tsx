import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import type { Image } from '~/api/image';
import { useSession } from '~/app/useSession';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { notify } from '~/ui/notify';
import { answerShare } from './mutations';

/** Images that others share with the project and that wait for its answer: no other list has them. */
export function Offers({ images }: { images: Image[] }) {
  const { t } = useTranslation('images');
  const { projectId } = useSession();
  if (images.length === 0) return null;
  const answer = (image: Image, status: 'accepted' | 'rejected') =>
    answerShare(image.id, projectId, status).catch((error) => notify.error(t('common:failed'), error));
  return (
    <Alert type="info" header={t('offers.title', { count: images.length })} data-testid="offers">
      <SpaceBetween size="xs">
        <div>{t('sharedText')}</div>
        {images.map((i) => (
          <SpaceBetween key={i.id} direction="horizontal" size="xs" alignItems="center">
            <Go to={`/images/${i.id}`}>{nameOf(i)}</Go>
            <Button ariaLabel={`${t('accept')}: ${nameOf(i)}`} onClick={() => void answer(i, 'accepted')}>
              {t('accept')}
            </Button>
            <Button ariaLabel={`${t('reject')}: ${nameOf(i)}`} onClick={() => void answer(i, 'rejected')}>
              {t('reject')}
            </Button>
          </SpaceBetween>
        ))}
      </SpaceBetween>
    </Alert>
  );
}
