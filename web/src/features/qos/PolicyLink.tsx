import { useQoSPolicies } from '~/api/qos';
import { nameOf } from '~/ui/format';
import { Go } from '~/ui/Go';

/** The names of QoS policies by their ids: the id itself for one that the user does not see. */
export function usePolicyName(enabled = true): (id: string) => string {
  const policies = useQoSPolicies(enabled).data ?? [];
  return (id) => {
    const policy = policies.find((p) => p.id === id);
    return policy ? nameOf(policy) : id;
  };
}

/** The way to the QoS policy that something has; a dash where it has none. */
export function PolicyLink({ id }: { id: string | null | undefined }) {
  const name = usePolicyName(Boolean(id));
  return id ? <Go to={`/qos/${id}`}>{name(id)}</Go> : <>–</>;
}
