/**
 * The user's own contact cards, wire-spec/addressing.md section 5.
 *
 *  1. what other devices know is learnt: each drop is made once
 *  2. a drop of its own, durable in the state, then in the state blob
 *  3. the card signed, sealed, and kept at the own domain
 *  4. only then does anyone see it
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { sealCard, signCard } from '../message/contact-card.ts';
import { formatCard, formatCardLink } from '../wire/card.ts';
import type { Drop } from '../wire/message.ts';
import { sizes, times } from '../wire/registry.ts';
import type { CardEntry, ClientCards, ClientNetwork } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import type { CardDropFor } from './own-drops.ts';
import { readCardText, reportCard } from './read-card.ts';
import type { Share } from './share.ts';
import type { CardDrop, OwnDrop, Text64 } from './state.ts';
import type { Session } from './store.ts';

export interface CardsParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'remote'>;
  readonly own: Pick<OwnDomain, 'putCard' | 'removeCard'>;
  readonly cardDrop: CardDropFor;
  readonly upkeep: () => Promise<void>;
  readonly share: Pick<Share, 'learn' | 'share' | 'tryShare'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long a card lasts where the user does not say. */
const usualLife = 30 * 86_400;
const maxNote = 200;

/** A card that somebody claimed is of no use to others: they shall find nothing. What fails now is done when it ends. */
export async function takeDownUsed(
  own: Pick<OwnDomain, 'removeCard'>,
  drop: OwnDrop | undefined,
): Promise<void> {
  if (drop?.kind !== 'card' || drop.claimed === undefined) return;
  await own.removeCard(base64urlnopad.decode(drop.card)).catch(() => undefined);
}

export function createCards(parts: CardsParts): ClientCards {
  const { session, network, own, share, clock, random } = parts;

  async function keep(drop: Drop, id: Uint8Array, key: Uint8Array): Promise<string> {
    const keys = session.keys();
    const { address } = session.state();
    const card = { address, fingerprint: keys.identityFingerprint, drop, created: drop.created };
    const signed = signCard(card, keys);
    const sealed = sealCard(new Secret(key), { domain: keys.domain, id }, signed, random);
    await own.putCard({ id, sealed, expires: drop.notAfter });
    return formatCard(signed);
  }

  function entryOf({ card, key, note, created, notAfter, claimed }: CardDrop): CardEntry {
    const { domain } = session.keys();
    return {
      id: card,
      note,
      created,
      expires: notAfter,
      link: formatCardLink({ domain, id: base64urlnopad.decode(card), key: base64urlnopad.decode(key) }),
      ...(claimed === undefined ? {} : { claimed }),
    };
  }

  function standing(): readonly (readonly [Text64, CardDrop])[] {
    const now = clock.seconds();
    return Object.entries(session.state().drops).flatMap(([pollKey, drop]) =>
      drop.kind === 'card' && drop.revoked !== true && drop.notAfter > now ? [[pollKey, drop] as const] : [],
    );
  }

  /** Throws `not_found`, `request_invalid`. */
  function named(which: string): readonly [Text64, CardDrop] {
    const [first, ...more] = standing().filter(([, { card }]) => which !== '' && card.startsWith(which));
    if (first === undefined) throw new BeckonError('not_found', 'no contact card has this id');
    if (more.length > 0) throw new BeckonError('request_invalid', 'several contact cards begin like this');
    return first;
  }

  return {
    async make({ lasts = usualLife, note = '' } = {}) {
      if (!(lasts >= times.transitMin && lasts <= times.dropMax))
        throw new BeckonError('request_invalid', 'a contact card lasts for an hour to 90 days');
      if (note.length > maxNote)
        throw new BeckonError('request_invalid', `a note has at most ${maxNote} characters`);
      await share.learn();
      await parts.upkeep();
      const [id, key] = [random(sizes.cardId), random(32)];
      const place = { card: bytesToJson(id), key: bytesToJson(key), note };
      const { pollKey, drop } = await parts.cardDrop(place, { now: clock.seconds(), lasts });
      try {
        await share.share();
        const whole = await keep(drop, id, key);
        const made = session.state().drops[pollKey];
        if (made?.kind !== 'card') throw new BeckonError('internal', 'the card was lost');
        return { ...entryOf(made), whole };
      } catch (error) {
        await session.commit({ type: 'card-revoked', pollKey });
        throw error;
      }
    },
    list: () =>
      standing()
        .map(([, card]) => entryOf(card))
        .toSorted((a, b) => a.created - b.created),
    async revoke(which) {
      await share.learn();
      const [pollKey, card] = named(which);
      await session.commit({ type: 'card-revoked', pollKey });
      await own.removeCard(base64urlnopad.decode(card.card));
      await share.tryShare();
      return entryOf(card);
    },
    read: async (typed) => reportCard(await readCardText(network, typed, clock.seconds())),
  };
}
