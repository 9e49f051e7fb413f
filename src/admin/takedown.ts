/** The hoster ends what a user sent, wire-spec/account.md section 6. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { parseTraceHandle } from '../keys/fingerprints.ts';
import type { Store } from '../store/api/store.ts';
import type { TakedownReason } from '../wire/registry.ts';

export function takedownOperations({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
  return {
    /** Throws `not_found`, `request_invalid` for what is no handle. */
    async takedown(typed: string, reason: TakedownReason) {
      const handle = parseTraceHandle(typed);
      if (handle === undefined)
        throw new BeckonError('request_invalid', 'a trace handle has 16 letters and digits');
      const time = clock.seconds();
      const taken = await store.transit.takedown(handle, reason, time);
      if (taken === undefined)
        throw new BeckonError('not_found', 'no message that was sent from here has this handle');
      await store.events.add(
        taken.ended.map((ended) => ({ handle: ended, time, kind: `taken_down:${reason}` })),
      );
      return { outcome: taken.outcome, domain: taken.owner.domain, ended: taken.ended.length };
    },
  };
}
