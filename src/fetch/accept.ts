/** Accept: the recipient has it, the sender's domain may drop its copy, wire-spec/fetch.md section 7. */
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import type { EventStore } from '../store/api/events.ts';
import type { TransitStore } from '../store/api/transit.ts';
import type { AcceptRequest } from '../wire/message.ts';
import { traceHandleBytes } from '../keys/fingerprints.ts';

export interface AcceptParts {
  readonly transit: TransitStore;
  readonly events: EventStore;
  readonly clock: Clock;
}

/**
 * Whether the message is known here and the token right; the copy is gone when it resolves to true. Again it is true again.
 */
export type Accept = (domain: string, request: AcceptRequest) => Promise<boolean>;

export function createAccept({ transit, events, clock }: AcceptParts): Accept {
  return async (domain, { id, acceptToken }) => {
    const at = clock.seconds();
    const idHash = sha256(id);
    const live = await transit.read(idHash);
    if (live !== undefined && live.owner.domain !== domain) return false;
    const outcome = await transit.accept(idHash, sha256(acceptToken), at);
    if (outcome !== 'accepted') return false;
    // A repetition has no copy to be live. It is not noted: whoever has the token could fill the ring of events with it.
    if (live !== undefined) await events.add([{ handle: traceHandleBytes(id), time: at, kind: 'accepted' }]);
    return true;
  };
}
