import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Image, useImageMembers } from '~/api/image';
import { useSession } from '~/app/useSession';
import { notify } from '~/ui/notify';
import { answerShare } from './mutations';

/** What a project says to an image that another one shares with it: lists have it only once it is accepted. */
export function ShareAnswer({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const { projectId } = useSession();
  const own = useImageMembers(image.id, true).data?.find((m) => m.member_id === projectId);
  if (!own) return null;
  const answer = (status: 'accepted' | 'rejected') =>
    answerShare(image.id, projectId, status).catch((error) => notify.error(t('common:failed'), error));
  return (
    <Alert
      type="info"
      header={t(`shared.${own.status}`)}
      action={
        <SpaceBetween direction="horizontal" size="xs">
          {own.status !== 'accepted' && <Button onClick={() => void answer('accepted')}>{t('accept')}</Button>}
          {own.status !== 'rejected' && <Button onClick={() => void answer('rejected')}>{t('reject')}</Button>}
        </SpaceBetween>
      }
    >
      {t('sharedText')}
    </Alert>
  );
}
