import Button from '@cloudscape-design/components/button';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useImages } from '~/api/image';
import { Crumbs } from '~/ui/Page';
import { ResourceTable } from '~/ui/ResourceTable';
import { OfferedImages } from './OfferedImages';
import { useImageActions } from './useImageActions';
import { useImageColumns } from './useImageColumns';

export default function ImagesPage() {
  const { t } = useTranslation('images');
  const navigate = useNavigate();
  const query = useImages();
  const columns = useImageColumns();
  const { actions, dialog } = useImageActions();
  const title = t('common:nav.items.images');
  const create = (
    <Button variant="primary" onClick={() => navigate('/images/create')} data-testid="create">
      {t('create.action')}
    </Button>
  );
  return (
    <SpaceBetween size="l">
      <Crumbs trail={[{ text: title, href: '/images' }]} />
      <OfferedImages />
      <ResourceTable
        id="images"
        title={title}
        query={query}
        columns={columns}
        actions={actions}
        buttons={create}
        empty={{ title: t('empty'), text: t('emptyText'), action: create }}
      />
      {dialog}
    </SpaceBetween>
  );
}
