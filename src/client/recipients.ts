/** Whom a message goes to and how: found out for all of them before anything is sent. */
import type { NativePeer } from '../directory/domain-lookup.ts';
import type { UserOutcome } from '../directory/user-outcome.ts';
import { BeckonError, codeOf } from '../errors.ts';
import type { PublishedKey } from '../keys/published-key.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { keysToWriteTo } from '../keys/user-record.ts';
import { verifyCard } from '../message/contact-card.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { mailAddressOf } from '../wire/mail-submission.ts';
import { looksLikeCard } from '../wire/card.ts';
import type { Drop } from '../wire/message.ts';
import { times } from '../wire/registry.ts';
import type { RecipientReport } from './api.ts';
import { readCardText, unusedCard, type CardNetwork, type UsedCards } from './read-card.ts';
import { formsOf, knownRecipient, whyNot } from './trust-report.ts';

/** A recipient who can be written to. */
export interface Recipient {
  readonly address: string;
  /** What stood behind `+`. */
  readonly tag?: string;
  readonly user: VerifiedUser;
  readonly domain: NativePeer;
  readonly addressing: PublishedKey;
  readonly sealing: PublishedKey;
  /** Since when their identity is pinned. */
  readonly since: number;
  /** Drops that they handed over before this time are void. */
  readonly dropsSince?: number;
  /** Of a contact card of theirs that the user named. */
  readonly card?: Drop;
}

export interface Resolved {
  /** As it was named; a contact card whole, or its link. */
  readonly typed: string;
  readonly report: RecipientReport;
  /** Absent where the recipient cannot be written to natively. */
  readonly recipient?: Recipient;
  /** Of who takes mail only: the address as it is written in mail. */
  readonly mailAddress?: string;
  /** The same, once mail is to go there. */
  readonly byMail?: string;
}

/** How recipients are found, and which cards were used before. */
export interface FindRecipients {
  readonly network: CardNetwork;
  readonly used: UsedCards;
  readonly now: number;
}

/** Every recipient as typed, each address once. Does not throw for a bad or unreachable one: its report says so. */
export async function resolveRecipients(
  find: FindRecipients,
  typed: readonly string[],
): Promise<readonly Resolved[]> {
  const resolved = await Promise.all(
    typed.map(async (to) => ({
      typed: to,
      ...(await (looksLikeCard(to) ? resolveCard(find, to) : resolve(find, to))),
    })),
  );
  return resolved.filter(
    ({ report }, index) => resolved.findIndex((other) => nameOf(other) === nameOf({ report })) === index,
  );
}

type Found = Omit<Resolved, 'typed'>;

function nameOf({ report }: Found): string {
  return report.address ?? report.to;
}

async function resolve({ network, now }: FindRecipients, to: string): Promise<Found> {
  try {
    const parsed = parseAddress(to);
    const address = formatAddress(parsed.address);
    const tag = parsed.tag === undefined ? {} : { tag: parsed.tag };
    return judge({ to, address }, tag, await network.users.user(address), now);
  } catch (error) {
    return { report: { to, ...failed(error) } };
  }
}

/** Throws what is no fault of the recipient's. */
function failed(error: unknown): Pick<RecipientReport, 'outcome' | 'code' | 'reason'> {
  const code = codeOf(error);
  if (!(error instanceof BeckonError) || code === 'storage_failed' || code === 'internal') throw error;
  return { outcome: 'none', code, reason: error.message };
}

/** The owner of a card, by the card: their record as always, and the card good under it. wire-spec/addressing.md section 5. */
async function resolveCard({ network, used, now }: FindRecipients, typed: string): Promise<Found> {
  let named: { readonly to: string; readonly address?: string } = { to: 'contact card' };
  try {
    const card = unusedCard(await readCardText(network, typed, now), used);
    const { address } = card;
    const known = { to: address, address };
    named = known;
    const found = judge(known, {}, await network.users.user(address), now);
    if (found.recipient === undefined) return found;
    verifyCard(card, found.recipient.user, found.recipient.dropsSince);
    await network.users.vouched(address, card.fingerprint);
    const { report, recipient } = judge(known, {}, await network.users.user(address), now);
    return recipient === undefined ? { report } : { report, recipient: { ...recipient, card: card.drop } };
  } catch (error) {
    return { report: { ...named, ...failed(error) } };
  }
}

/**
 * Whom a message that ends then can reach: one that would outlast its card's drop is not sent over it. Where the user did not say when it ends, it ends
 * with the drop that ends first.
 */
export function withinCards(
  resolved: readonly Resolved[],
  wanted: number | undefined,
  usual: { readonly now: number; readonly expires: number },
): { readonly resolved: readonly Resolved[]; readonly expires: number } {
  const ends = resolved.flatMap(({ recipient }) => recipient?.card?.notAfter ?? []);
  const earliest = usual.now + times.transitMin;
  const expires = wanted ?? Math.min(usual.expires, ...ends.filter((end) => end >= earliest));
  const fits = ({ recipient }: Resolved): boolean => (recipient?.card?.notAfter ?? expires) >= expires;
  return {
    expires,
    resolved: resolved.map((one) =>
      fits(one)
        ? one
        : { typed: one.typed, report: { ...one.report, code: 'drop_expired', reason: cardEnds } },
    ),
  };
}

const cardEnds = 'their contact card ends before the message would: let it wait for a shorter time';

function judge(
  named: { readonly to: string; readonly address: string },
  tag: { readonly tag?: string },
  outcome: UserOutcome,
  now: number,
): Found {
  const report = { ...named, outcome: outcome.kind, ...whyNot(outcome) };
  switch (outcome.kind) {
    case 'native':
      if (outcome.domain.leaving) return { report: { ...report, code: 'discovery_none', reason: 'left' } };
      return writable(named, tag, outcome, now);
    case 'legacy':
      return { report, ...mailAddress(named.to) };
    case 'changed': {
      const { of, what, offered } = outcome;
      return { report: { ...report, changed: { of, what, offered: formsOf(offered) } } };
    }
    default:
      return { report };
  }
}

/** None where mail cannot carry what native addresses may be. */
function mailAddress(typed: string): Pick<Resolved, 'mailAddress'> {
  try {
    return { mailAddress: mailAddressOf(typed) };
  } catch {
    return {};
  }
}

function writable(
  named: { readonly to: string; readonly address: string },
  tag: { readonly tag?: string },
  outcome: Extract<UserOutcome, { kind: 'native' }>,
  now: number,
): Found {
  const { user, domain, trust, since, dropsSince } = outcome;
  try {
    const recipient = {
      address: named.address,
      ...tag,
      user,
      domain,
      since,
      ...keysToWriteTo(user, now),
      ...(dropsSince === undefined ? {} : { dropsSince }),
    };
    return { report: { ...named, outcome: 'native', trust, known: knownRecipient(outcome) }, recipient };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'internal') throw error;
    return { report: { ...named, outcome: 'later', code, reason: 'the record has no key to write to' } };
  }
}
