import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { type Image, useOfferedImages } from '~/api/image';
import { useSession } from '~/app/useSession';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';
import { notify } from '~/ui/notify';
import { answerMember } from './mutations';

/** Images that others share with the project, for it to accept or to refuse. Nothing when there are none. */
export function OfferedImages() {
  const { t } = useTranslation('images');
  const { projectId } = useSession();
  const offered = (useOfferedImages().data ?? []).filter((i) => i.owner !== projectId);
  if (offered.length === 0) return null;
  return (
    <Alert type="info" header={t('offered.title', { count: offered.length })}>
      <SpaceBetween size="xs">
        {offered.map((image) => (
          <Offer key={image.id} image={image} />
        ))}
      </SpaceBetween>
    </Alert>
  );
}

function Offer({ image }: { image: Image }) {
  const { t } = useTranslation('images');
  const { projectId } = useSession();
  const answer = async (status: 'accepted' | 'rejected') => {
    try {
      await answerMember(image.id, projectId, status);
    } catch (error) {
      notify.error(t('offered.failed', { name: nameOf(image) }), error);
    }
  };
  return (
    <SpaceBetween direction="horizontal" size="xs" alignItems="center">
      <Go to={`/images/${image.id}`}>{nameOf(image)}</Go>
      <Button onClick={() => void answer('accepted')}>{t('offered.accept')}</Button>
      <Button onClick={() => void answer('rejected')}>{t('offered.reject')}</Button>
    </SpaceBetween>
  );
}
