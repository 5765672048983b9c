import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useDomainConfig, useDomainConfigDefaults } from '~/api/identity';
import { write } from '~/api/write';
import { useColumns } from '~/ui/columns';
import { FormModal } from '~/ui/FormModal';
import { SelectField, TextField } from '~/ui/fields';
import { ListTable } from '~/ui/ListPage';
import { useEditDelete } from '~/ui/useEditDelete';
import { type ConfigOption, optionsOf, readValue, writeValue } from './domainConfig';

/** The options in which a domain differs from the rest of the cloud. */
export function DomainConfigTab({ domain }: { domain: string }) {
  const { t } = useTranslation('identity');
  const column = useColumns<ConfigOption>();
  const query = useDomainConfig(domain);
  const rows = query.data && optionsOf(query.data);
  const there = (rows ?? []).length > 0;
  const { actions, dialog } = useEditDelete<ConfigOption>({
    edit: (before, close) => <OptionForm domain={domain} before={before} there={there} onClose={close} />,
    question: (items) => ({
      title: t('config.deleteTitle', { count: items.length, name: items[0]?.name }),
      body: t('config.deleteText'),
    }),
    remove: (o) => write(['domain_config'], 'identity', 'DELETE', `/domains/${domain}/config/${o.group}/${o.option}`),
  });
  return (
    <ListTable
      id="domain-config"
      title={t('config.title')}
      description={t('config.about')}
      query={{ ...query, data: rows }}
      columns={[
        { ...column.name(undefined, 320), header: t('config.option') },
        column.text('value', t('common:value'), (o) => writeValue(o.value), { width: 320 }),
      ]}
      actions={actions}
      create={{
        text: t('config.set'),
        testId: 'set-option',
        form: (close) => <OptionForm domain={domain} there={there} onClose={close} />,
      }}
      empty={{ title: t('config.empty'), text: t('config.emptyText') }}
      dialog={dialog}
    />
  );
}

interface FormProps {
  domain: string;
  before?: ConfigOption;
  /** Whether the domain has a configuration, which is changed; else it gets its first. */
  there: boolean;
  onClose(): void;
}

function OptionForm({ domain, before, there, onClose }: FormProps) {
  const { t } = useTranslation('identity');
  const defaults = useDomainConfigDefaults().data ?? {};
  const form = useForm({
    mode: 'onChange',
    defaultValues: { option: before?.id ?? '', value: before ? writeValue(before.value) : '' },
  });
  const known = optionsOf(defaults);
  const standard = known.find((o) => o.id === form.watch('option'));
  return (
    <FormModal
      title={before ? t('config.editTitle', { name: before.name }) : t('config.set')}
      submitLabel={t('common:save')}
      form={form}
      onClose={onClose}
      onSubmit={async ({ option, value }) => {
        const [group = '', name = ''] = option.split('/');
        const config = { [group]: { [name]: readValue(value) } };
        await write(['domain_config'], 'identity', there ? 'PATCH' : 'PUT', `/domains/${domain}/config`, { config });
      }}
    >
      {!before && (
        <SelectField
          control={form.control}
          name="option"
          label={t('config.option')}
          options={known.map((o) => ({ value: o.id, label: o.name }))}
        />
      )}
      <TextField
        control={form.control}
        name="value"
        label={t('common:value')}
        hint={standard && standard.value !== null && t('config.default', { value: writeValue(standard.value) })}
      />
    </FormModal>
  );
}
