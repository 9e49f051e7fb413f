/** The directory as whoever receives notifications sees it: a record or nothing, and no failure that is worth an exception. */
import { codeOf } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import type { Log } from '../log.ts';
import type { Domains } from './domains.ts';

export interface Senders {
  /** What is known now, without asking anyone. */
  known(sender: string): Promise<VerifiedDomain | undefined>;
  /** Looks the record up, anew where the known one has a lower serial; undefined where that fails. Does not throw. */
  learn(sender: string, atLeastSerial: number): Promise<VerifiedDomain | undefined>;
}

export function createSenders({
  domains,
  log,
}: {
  domains: Pick<Domains, 'known' | 'refresh'>;
  log: Log;
}): Senders {
  return {
    known: (sender) => domains.known(sender),
    async learn(sender, atLeastSerial) {
      try {
        const outcome = await domains.refresh(sender, atLeastSerial);
        return outcome.kind === 'native' ? outcome.record : undefined;
      } catch (error) {
        log.error('directory.look_up_failed', { code: codeOf(error) });
        return undefined;
      }
    },
  };
}
