import { useTranslation } from 'react-i18next';
import { Crumbs } from '~/ui/Page';
import { CreateForm } from './CreateForm';

export default function CreatePage() {
  const { t } = useTranslation('images');
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.images'), href: '/images' },
          { text: t('create.action'), href: '/images/create' },
        ]}
      />
      <CreateForm />
    </>
  );
}
