/** What proofs of drops are made with: the domain's poll key, time and nonce (wire-spec/addressing.md section 2). */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { codeOf } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import { usableKey } from '../keys/published-key.ts';
import type { PollOccasion } from '../message/poll-proof.ts';
import { sizes } from '../wire/registry.ts';
import type { ClientNetwork } from './api.ts';
import { expectNative } from './own-request.ts';
import type { Session } from './store.ts';

export interface PollKeyParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains'>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Occasion extends PollOccasion {
  /** The domain's poll key D. */
  readonly key: Uint8Array;
}

/** Asks under the domain's poll key, once more where it changed since its record was read. Throws what `ask` throws. */
export async function withPollKey<T>(
  parts: PollKeyParts,
  ask: (occasion: Occasion) => Promise<T>,
): Promise<T> {
  const { network, session } = parts;
  const { domain } = session.keys();
  const { record } = expectNative(await network.domains.domain(domain));
  try {
    return await ask(occasionOf(parts, record));
  } catch (error) {
    if (!['key_unknown', 'key_not_active'].includes(codeOf(error))) throw error;
    const newer = expectNative(await network.domains.refresh(domain, record.serial + 1));
    return await ask(occasionOf(parts, newer.record));
  }
}

function occasionOf({ clock, random }: PollKeyParts, record: VerifiedDomain): Occasion {
  const time = clock.seconds();
  const { id: keyId, key } = usableKey(record, 'poll', time);
  return { domain: record.domain, keyId, key, time, nonce: random(sizes.pollNonce) };
}
