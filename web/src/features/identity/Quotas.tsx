import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import Header from '@cloudscape-design/components/header';
import ProgressBar from '@cloudscape-design/components/progress-bar';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEffect, useRef, useState } from 'react';
import { type UseFormReturn, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useComputeQuotas } from '~/api/compute';
import { messageOf } from '~/api/error';
import { useNetworkQuotas } from '~/api/network';
import { confirm } from '~/ui/confirm';
import { TextField } from '~/ui/fields';
import { formatNumber } from '~/ui/format';
import { Loaded } from '~/ui/Loaded';
import { notify } from '~/ui/notify';
import { wholeNumber } from '~/ui/rules';
import { resetQuotas, setQuotas } from './mutations';
import { amount, changes, computeQuotas, lowest, maxLimit, networkQuotas, type Quota } from './quota';

type Values = Record<string, string>;

/** What a project may have of everything, what it has, and changing the first. */
export function Quotas({ project }: { project: string }) {
  const compute = useComputeQuotas(project);
  const network = useNetworkQuotas(project);
  return (
    <Loaded query={compute}>
      {(c) => (
        <Loaded query={network}>
          {(n) => <Limits project={project} quotas={[...computeQuotas(c), ...networkQuotas(n)]} />}
        </Loaded>
      )}
    </Loaded>
  );
}

/** A form that follows the limits as they are, but for what somebody has typed. */
function useLimitsForm(quotas: Quota[]): UseFormReturn<Values> {
  const limits: Values = Object.fromEntries(quotas.map((q) => [q.resource, String(q.limit)]));
  const form = useForm<Values>({ mode: 'onChange', defaultValues: limits });
  const shown = useRef(limits);
  const key = JSON.stringify(limits);
  // biome-ignore lint/correctness/useExhaustiveDependencies: key is what limits say
  useEffect(() => {
    for (const [resource, limit] of Object.entries(limits)) {
      const typed = form.getValues(resource) !== shown.current[resource];
      if (!typed && shown.current[resource] !== limit) form.resetField(resource, { defaultValue: limit });
    }
    shown.current = limits;
  }, [key]);
  return form;
}

function Limits({ project, quotas }: { project: string; quotas: Quota[] }) {
  const { t } = useTranslation('identity');
  const [failure, setFailure] = useState('');
  const form = useLimitsForm(quotas);
  const run = async (change: () => Promise<void>, done: string) => {
    setFailure('');
    try {
      await change();
      notify.success(done);
    } catch (error) {
      setFailure(messageOf(error));
      return false;
    }
    return true;
  };
  const submit = form.handleSubmit(async (values) => {
    const saved = await run(
      () => setQuotas(project, changes(quotas, values, 'compute'), changes(quotas, values, 'network')),
      t('quota.saved'),
    );
    if (saved) form.reset(values);
  });
  const reset = async () => {
    const question = { title: t('quota.resetTitle'), body: t('quota.resetText'), confirmLabel: t('quota.reset') };
    if (!(await confirm(question))) return;
    form.reset();
    await run(() => resetQuotas(project), t('quota.resetDone'));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Form
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button formAction="none" onClick={() => void reset()} data-testid="reset-quotas">
              {t('quota.reset')}
            </Button>
            <Button
              variant="primary"
              formAction="submit"
              disabled={!form.formState.isDirty}
              disabledReason={t('quota.unchanged')}
              loading={form.formState.isSubmitting}
              data-testid="save-quotas"
            >
              {t('common:save')}
            </Button>
          </SpaceBetween>
        }
      >
        <SpaceBetween size="l">
          {failure && (
            <Alert type="error" header={t('common:failed')}>
              {failure}
            </Alert>
          )}
          {(['compute', 'network'] as const).map((service) => (
            <Container key={service} header={<Header variant="h2">{t(`quota.${service}`)}</Header>}>
              <ColumnLayout columns={2} variant="text-grid">
                {quotas
                  .filter((q) => q.service === service)
                  .map((q) => (
                    <Limit key={q.resource} quota={q} form={form} />
                  ))}
              </ColumnLayout>
            </Container>
          ))}
        </SpaceBetween>
      </Form>
    </form>
  );
}

function Limit({ quota: q, form }: { quota: Quota; form: UseFormReturn<Values> }) {
  const { t, i18n } = useTranslation('identity');
  const value = form.watch(q.resource) ?? '';
  const unlimited = value.trim() === '-1';
  const key = `quota.of.${q.resource}`;
  const label = i18n.exists(`identity:${key}`) ? t(key) : q.resource;
  const used = q.used ?? 0;
  const below = q.used !== undefined && /^\d+$/.test(value.trim()) && Number(value) < used && lowest(q) === 0;
  // Typing -1 means no limit, as in the API; the box beside says it in words.
  const rule = (typed: string) => (typed.trim() === '-1' ? undefined : wholeNumber(lowest(q), maxLimit)(typed));
  const number = (n: number) => amount(q.resource, n, formatNumber);
  return (
    <SpaceBetween size="xxs">
      <TextField
        control={form.control}
        name={q.resource}
        label={label}
        description={q.used === undefined ? t(`quota.each.${q.resource}`) : undefined}
        hint={below ? t('quota.belowUse') : q.resource === 'ram' ? t('quota.mib') : undefined}
        rule={rule}
        inputMode="numeric"
        disabled={unlimited}
      />
      <Checkbox
        checked={unlimited}
        ariaLabel={`${label}: ${t('quota.unlimited')}`}
        onChange={({ detail }) =>
          form.setValue(q.resource, detail.checked ? '-1' : String(q.limit >= 0 ? q.limit : used), {
            shouldDirty: true,
            shouldValidate: true,
          })
        }
      >
        {t('quota.unlimited')}
      </Checkbox>
      {q.used !== undefined &&
        (q.limit > 0 ? (
          <ProgressBar
            value={Math.min((used / q.limit) * 100, 100)}
            ariaLabel={`${label}: ${t('quota.usedOf', { used: number(used), limit: number(q.limit) })}`}
            additionalInfo={t('quota.usedOf', { used: number(used), limit: number(q.limit) })}
          />
        ) : (
          <Box color="text-body-secondary" fontSize="body-s">
            {t('quota.used', { used: number(used) })}
          </Box>
        ))}
    </SpaceBetween>
  );
}
