/** Contact cards of users, sealed by them: kept for them, shown to whoever knows an id. wire-spec/account.md section 11. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';
import type { CardStore, NewCard } from '../store/api/cards.ts';
import { sizes, times } from '../wire/registry.ts';
import type { AccountUser } from './user.ts';

export interface Cards {
  /** Throws `request_invalid` (its end), `conflict`, `quota_exceeded`. */
  put(user: AccountUser, card: NewCard): Promise<void>;
  /** What is not there is gone already. */
  remove(user: AccountUser, id: Uint8Array): Promise<void>;
  /** The sealed card, absent where there is none. `source`: the address that asks. Throws `rate_limited`. */
  read(domain: string, id: Uint8Array, source: string): Promise<Uint8Array | undefined>;
}

export interface CardsParts {
  readonly cards: CardStore;
  readonly clock: Clock;
  readonly rate?: RateLimit;
}

/** How often one network may ask for cards. */
const defaultRate: RateLimit = { perSecond: 10, burst: 100 };

export function createCards({ cards, clock, rate = defaultRate }: CardsParts): Cards {
  const mayAsk = createRate(rate, clock);
  return {
    async put({ owner }, card) {
      const lasts = card.expires - clock.seconds();
      if (lasts <= 0 || lasts > times.dropMax + times.clockSlack)
        throw new BeckonError('request_invalid', 'a contact card lasts for 90 days at most');
      if (card.sealed.length !== sizes.cardSealed)
        throw new BeckonError('request_invalid', 'a sealed contact card has another size');
      await cards.put(owner, card);
    },
    remove: ({ owner }, id) => cards.remove(owner, id),
    async read(domain, id, source) {
      if (!mayAsk(networkOf(source)))
        throw new BeckonError('rate_limited', 'too many look-ups of cards from this network');
      return await cards.get(domain, id);
    },
  };
}
