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
  /** Reads the record again where it is due. For senders that proved genuine. Does not throw. */
  renew(sender: string): Promise<void>;
}

export function createSenders({
  domains,
  log,
}: {
  domains: Pick<Domains, 'domain' | 'known' | 'refresh'>;
  log: Log;
}): Senders {
  async function quietly<T>(lookUp: () => Promise<T>): Promise<T | undefined> {
    try {
      return await lookUp();
    } catch (error) {
      log.error('directory.look_up_failed', { code: codeOf(error) });
      return undefined;
    }
  }

  return {
    known: (sender) => domains.known(sender),
    async learn(sender, atLeastSerial) {
      const outcome = await quietly(() => domains.refresh(sender, atLeastSerial));
      return outcome?.kind === 'native' ? outcome.record : undefined;
    },
    async renew(sender) {
      await quietly(() => domains.domain(sender));
    },
  };
}
