import { Copyable } from '~/ui/Copyable';
import { isCommand } from './problems';

/** What mends a problem: a command to copy, or a sentence where no command can. */
export function Mend({ mend }: { mend: string }) {
  return isCommand(mend) ? <Copyable text={mend} /> : mend;
}
