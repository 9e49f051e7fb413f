/** Contact cards as their owners sealed them: found by domain and id, listed by owner, and with an index by their end. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { hash, time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bytes, field, record, type ValueOf } from '../wire/schema.ts';
import { maxCards, type CardStore, type NewCard } from './api/cards.ts';
import type { Owner } from './api/terms.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name, ordered, ownerKey } from './keys.ts';

const timeSize = 6;

export const cardRow = record('card', {
  user: field(1, hash),
  sealed: field(2, bytes(sizes.cardSealed)),
  expires: field(3, time),
});
type CardRow = ValueOf<typeof cardRow>;

export interface CardTables {
  readonly store: CardStore;
  /** Inside a write: they go with their user. */
  removeAll(owner: Owner): void;
}

/** The row of a card: domain and id. */
export const cardKey = (domain: string, id: Uint8Array): Uint8Array => joined(name(domain), id);
/** Its place in the index by end. */
export const cardEndKey = (key: Uint8Array, expires: number): Uint8Array => joined(ordered(expires), key);

export function createCards(engine: Engine, clock: Clock): CardTables {
  const cards = engine.table('cards', schemaCodec(cardRow));
  const byOwner = engine.table('cards_by_owner', emptyCodec);
  const byEnd = engine.table('cards_by_end', emptyCodec);

  function remove(key: Uint8Array, row: CardRow): void {
    const domain = key.subarray(0, key.length - sizes.cardId - 1);
    const owner = { domain: new TextDecoder().decode(domain), user: row.user };
    cards.remove(key);
    byOwner.remove(joined(ownerKey(owner), key.subarray(-sizes.cardId)));
    byEnd.remove(cardEndKey(key, row.expires));
  }

  /** What expired and was not swept yet makes room. */
  function standing(key: Uint8Array): CardRow | undefined {
    const row = cards.get(key);
    if (row === undefined || row.expires > clock.seconds()) return row;
    remove(key, row);
    return undefined;
  }

  function countOf(owner: Owner): number {
    const prefix = ownerKey(owner);
    const ids = byOwner.keys({ from: prefix, to: behind(prefix), limit: maxCards });
    return ids.filter((key) => standing(cardKey(owner.domain, key.subarray(prefix.length)))).length;
  }

  function put(owner: Owner, { id, sealed, expires }: NewCard): void {
    const key = cardKey(owner.domain, id);
    const before = standing(key);
    if (before !== undefined) {
      const same =
        equal(before.user, owner.user) && equal(before.sealed, sealed) && before.expires === expires;
      if (same) return;
      throw new BeckonError('conflict', 'another card has this id');
    }
    if (countOf(owner) >= maxCards)
      throw new BeckonError('quota_exceeded', `a user has at most ${maxCards} contact cards at once`);
    cards.put(key, { user: owner.user, sealed, expires });
    byOwner.put(joined(ownerKey(owner), id), undefined);
    byEnd.put(cardEndKey(key, expires), undefined);
  }

  return {
    store: {
      put: (owner, card) => engine.write(() => put(owner, card)),
      async get(domain, id) {
        const row = cards.get(cardKey(domain, id));
        return row === undefined || row.expires <= clock.seconds() ? undefined : row.sealed;
      },
      remove: (owner, id) =>
        engine.write(() => {
          const key = cardKey(owner.domain, id);
          const row = cards.get(key);
          if (row !== undefined && equal(row.user, owner.user)) remove(key, row);
        }),
      expire: (now, limit) =>
        engine.write(() => {
          const due = byEnd.keys({ to: ordered(now + 1), limit });
          for (const end of due) {
            const key = end.slice(timeSize);
            const row = cards.get(key);
            if (row === undefined) byEnd.remove(end);
            else remove(key, row);
          }
          return due.length;
        }),
    },
    removeAll(owner) {
      const prefix = ownerKey(owner);
      for (const listed of byOwner.keys({ from: prefix, to: behind(prefix), limit: maxCards })) {
        const key = cardKey(owner.domain, listed.subarray(prefix.length));
        const row = cards.get(key);
        if (row !== undefined) remove(key, row);
      }
    },
  };
}
