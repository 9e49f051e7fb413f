/** A contact card in the hands of who wants to write to its owner. wire-spec/addressing.md section 5. */
import { Secret } from '../crypto/secret.ts';
import { BeckonError, type ErrorCode } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { openCard, readCard, type ReadCard } from '../message/contact-card.ts';
import { recipientHash } from '../message/drops.ts';
import { formatCard, parseCardText, type CardLink } from '../wire/card.ts';
import type { ClientNetwork, ReadCardReport } from './api.ts';
import { expectNative } from './own-request.ts';
import type { ClientState, Text64 } from './state.ts';

export type CardNetwork = Pick<ClientNetwork, 'domains' | 'users' | 'remote'>;

/** Recipient hashes of the cards that this user wrote over before. */
export type UsedCards = ReadonlySet<Text64>;

export function usedCards({ sent }: Pick<ClientState, 'sent'>): UsedCards {
  return new Set(
    sent.flatMap(({ parts, again = {} }) =>
      [...parts, ...Object.values(again)].flatMap(({ card = [] }) => card),
    ),
  );
}

/**
 * A card from its text, fetched from its owner's domain where that is a link. Nothing vouches for it yet. Throws as `ClientCards.read`.
 */
export async function readCardText(
  network: Pick<CardNetwork, 'domains' | 'remote'>,
  typed: string,
  now: number,
): Promise<ReadCard> {
  const parsed = parseCardText(typed);
  if ('signed' in parsed) return readCard(parsed.signed, now);
  const { link } = parsed;
  const card = readCard(openCard(new Secret(link.key), link, await fetchSealed(network, link)), now);
  if (card.domain !== link.domain)
    throw new BeckonError('message_mismatch', 'the contact card is of another domain than its link');
  return card;
}

async function fetchSealed(
  { domains, remote }: Pick<CardNetwork, 'domains' | 'remote'>,
  { domain, id }: CardLink,
): Promise<Uint8Array> {
  const fetched = await remote.fetchCard(expectNative(await domains.domain(domain)), id);
  if (fetched.kind === 'found') return fetched.bytes;
  if (fetched.kind === 'gone')
    throw new BeckonError('not_found', 'the contact card is gone: used, revoked or past its time');
  const known: readonly ErrorCode[] = ['network_failed', 'tls_failed', 'network_refused', 'rate_limited'];
  const code = known.find((one) => one === fetched.reason) ?? 'unavailable';
  throw new BeckonError(code, `the contact card cannot be read now: ${fetched.reason}`);
}

/** A card is good for one message. Throws `conflict`. */
export function unusedCard(card: ReadCard, used: UsedCards): ReadCard {
  if (used.has(bytesToJson(recipientHash(card.drop.pollKey, card.domain))))
    throw new BeckonError('conflict', 'you used this contact card already: write to its address');
  return card;
}

export function reportCard({ address, fingerprint, created, drop, signed }: ReadCard): ReadCardReport {
  return {
    address,
    fingerprint: bytesToJson(fingerprint),
    created,
    expires: drop.notAfter,
    whole: formatCard(signed),
  };
}
