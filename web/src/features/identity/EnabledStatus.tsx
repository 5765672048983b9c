import { Status } from '~/ui/Status';

export const EnabledStatus = ({ value }: { value: boolean }) => <Status value={value ? 'ENABLED' : 'DISABLED'} />;
