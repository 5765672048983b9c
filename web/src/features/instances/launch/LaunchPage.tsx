import Wizard from '@cloudscape-design/components/wizard';
import '../instances.css';
import { type ComponentType, useEffect, useRef, useState } from 'react';
import { type UseFormReturn, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router-dom';
import { ApiError, messageOf } from '~/api/error';
import { notify } from '~/ui/notify';
import { Crumbs } from '~/ui/Page';
import { useLeaveQuestion } from '~/ui/useLeaveQuestion';
import { createServers } from '../mutations';
import { AdvancedStep } from './AdvancedStep';
import { DetailsStep } from './DetailsStep';
import { FlavorStep } from './FlavorStep';
import { KeyStep } from './KeyStep';
import { NetworkStep } from './NetworkStep';
import { ownNetworks } from './networking';
import { problemsOf } from './problems';
import { ReviewStep } from './ReviewStep';
import { SecurityStep } from './SecurityStep';
import { SourceStep } from './SourceStep';
import type { StepProps } from './step';
import { type Step, stepOf, steps } from './steps';
import { type LaunchData, useLaunchData } from './useLaunchData';
import { emptyValues, type LaunchValues, requestOf } from './values';

const contents: Record<Exclude<Step, 'review'>, ComponentType<StepProps>> = {
  details: DetailsStep,
  source: SourceStep,
  flavor: FlavorStep,
  networks: NetworkStep,
  security: SecurityStep,
  key: KeyStep,
  advanced: AdvancedStep,
};
const optional: Step[] = ['security', 'key', 'advanced'];

/** useDefaults chooses what goes without saying, once: the only network, and the default security group. */
function useDefaults(data: LaunchData, form: UseFormReturn<LaunchValues>): void {
  const done = useRef({ nics: false, groups: false });
  const { networks, groups, project } = data.known;
  useEffect(() => {
    if (!networks || done.current.nics) return;
    done.current.nics = true;
    const [only, ...others] = ownNetworks(networks, project);
    if (only && others.length === 0 && form.getValues('nics').length === 0)
      form.setValue('nics', [{ kind: 'network', id: only.id, address: '' }]);
  }, [networks, project, form]);
  useEffect(() => {
    if (!groups || done.current.groups) return;
    done.current.groups = true;
    form.setValue(
      'groups',
      groups.filter((g) => g.name === 'default').map((g) => g.id),
    );
  }, [groups, form]);
}

export default function LaunchPage() {
  const { t } = useTranslation(['instances', 'keypairs']);
  const navigate = useNavigate();
  const [query] = useSearchParams();
  const data = useLaunchData();
  const form = useForm<LaunchValues>({ mode: 'onChange', defaultValues: emptyValues(query) });
  const values = form.watch();
  const [at, setAt] = useState(0);
  const [tried, setTried] = useState<ReadonlySet<Step>>(new Set());
  const [refusal, setRefusal] = useState<{ step: Step; text: string }>();
  const [busy, setBusy] = useState(false);
  const set = useRef<StepProps['set']>((field, value) =>
    // The type of a path's value is more than the compiler can follow through a generic field.
    form.setValue(field, value as never, { shouldDirty: true, shouldValidate: true }),
  ).current;
  useDefaults(data, form);
  const { isDirty } = form.formState;
  const launched = useRef(false);
  useLeaveQuestion(() => isDirty && !busy && !launched.current, {
    title: t('launch.leaveTitle'),
    body: t('launch.leaveText'),
    confirmLabel: t('launch.leave'),
  });
  const problems = problemsOf(values, data.known);

  const goTo = (wanted: number) => {
    const passed = steps.slice(at, wanted);
    const stop = passed.find((step) => problems.some((p) => p.step === step));
    if (stop) {
      setTried(new Set([...tried, stop]));
      setAt(steps.indexOf(stop));
      void form.trigger(problems.filter((p) => p.step === stop).map((p) => p.field));
      return;
    }
    setRefusal(undefined);
    setAt(wanted);
  };
  const submit = async () => {
    if (problems.length > 0) return; // the review says which
    setBusy(true);
    setRefusal(undefined);
    try {
      await createServers(requestOf(values));
    } catch (error) {
      const step = error instanceof ApiError ? stepOf(error) : 'review';
      const request = error instanceof ApiError && error.requestId ? ` (${error.requestId})` : '';
      setRefusal({ step, text: messageOf(error) + request });
      setAt(steps.indexOf(step));
      return;
    } finally {
      setBusy(false);
    }
    launched.current = true;
    notify.success(t('launch.done', { count: Number(values.count), name: values.name.trim() }));
    navigate('/instances');
  };

  const props: StepProps = {
    form,
    values,
    data,
    set,
    problem: (field) => {
      const found = problems.find((p) => p.field === field);
      return found && tried.has(found.step) ? found.text : undefined;
    },
  };
  const content = (step: Step) => {
    if (step === 'review')
      return <ReviewStep {...props} problems={problems} onEdit={(to) => setAt(steps.indexOf(to))} />;
    const Content = contents[step];
    return <Content {...props} />;
  };
  return (
    <>
      <Crumbs
        trail={[
          { text: t('common:nav.items.instances'), href: '/instances' },
          { text: t('launchAction'), href: '/instances/launch' },
        ]}
      />
      <Wizard
        data-testid="launch-wizard"
        activeStepIndex={at}
        onNavigate={({ detail }) => goTo(detail.requestedStepIndex)}
        onCancel={() => navigate('/instances')}
        onSubmit={() => void submit()}
        isLoadingNextStep={busy}
        allowSkipTo
        submitButtonText={t('launchAction')}
        i18nStrings={{ skipToButtonLabel: (target) => t('launch.skipTo', { step: target.title }) }}
        steps={steps.map((step) => ({
          title: t(`launch.step.${step}`),
          description: t(`launch.stepText.${step}`),
          content: content(step),
          isOptional: optional.includes(step),
          errorText: refusal?.step === step ? refusal.text : undefined,
        }))}
      />
    </>
  );
}
