import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Aggregate } from '~/api/compute';
import { useKnown } from '~/features/metadefs/known';
import { FormModal } from '~/ui/FormModal';
import { PairsField, pairsChange, pairsOf } from '~/ui/PairsField';
import { maxLength, type Rule } from '~/ui/rules';
import { setMetadata } from './mutations';
import { ownMetadata } from './useAggregateActions';

/** Metadata of an aggregate, which flavors ask for. */
export function MetadataForm({ aggregate, onClose }: { aggregate: Aggregate; onClose(): void }) {
  const { t } = useTranslation('hosts');
  const known = useKnown('OS::Nova::Aggregate');
  const before = ownMetadata(aggregate);
  const form = useForm({ mode: 'onChange', defaultValues: { pairs: pairsOf(before) } });
  const keyRule: Rule = (key) => {
    if (key.trim() === 'availability_zone') return t('aggregate.zoneKey');
    return /^[a-zA-Z0-9\-_:. ]{1,255}$/.test(key.trim()) ? undefined : t('aggregate.keyForm');
  };
  return (
    <FormModal
      title={t('aggregate.metadataTitle', { name: aggregate.name })}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      size="large"
      onSubmit={async ({ pairs }) => {
        const change = pairsChange(before, pairs);
        if (Object.keys(change).length > 0) await setMetadata(String(aggregate.id), change);
      }}
    >
      <PairsField
        control={form.control}
        name="pairs"
        label={t('metadata')}
        empty={t('aggregate.noMetadata')}
        addLabel={t('aggregate.addPair')}
        keyRule={keyRule}
        valueRule={maxLength(255)}
        known={known}
      />
    </FormModal>
  );
}
