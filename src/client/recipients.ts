/** Whom a message goes to and how: found out for all of them before anything is sent. */
import type { NativePeer } from '../directory/domain-lookup.ts';
import type { UserOutcome } from '../directory/user-outcome.ts';
import { BeckonError, codeOf } from '../errors.ts';
import type { PublishedKey } from '../keys/published-key.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { keysToWriteTo } from '../keys/user-record.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import type { ClientNetwork, RecipientReport } from './api.ts';
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
}

export interface Resolved {
  readonly report: RecipientReport;
  /** Absent where the recipient cannot be written to. */
  readonly recipient?: Recipient;
}

/** Every recipient as typed, each address once. Does not throw for a bad or unreachable one: its report says so. */
export async function resolveRecipients(
  users: ClientNetwork['users'],
  typed: readonly string[],
  now: number,
): Promise<readonly Resolved[]> {
  const resolved = await Promise.all(typed.map((to) => resolve(users, to, now)));
  return resolved.filter(
    ({ report }, index) => resolved.findIndex((other) => nameOf(other) === nameOf({ report })) === index,
  );
}

function nameOf({ report }: Resolved): string {
  return report.address ?? report.to;
}

async function resolve(users: ClientNetwork['users'], to: string, now: number): Promise<Resolved> {
  try {
    const parsed = parseAddress(to);
    const address = formatAddress(parsed.address);
    const tag = parsed.tag === undefined ? {} : { tag: parsed.tag };
    return judge({ to, address }, tag, await users.user(address), now);
  } catch (error) {
    const code = codeOf(error);
    if (!(error instanceof BeckonError) || code === 'storage_failed') throw error;
    return { report: { to, outcome: 'none', code, reason: error.message } };
  }
}

function judge(
  named: { readonly to: string; readonly address: string },
  tag: { readonly tag?: string },
  outcome: UserOutcome,
  now: number,
): Resolved {
  const report = { ...named, outcome: outcome.kind, ...whyNot(outcome) };
  switch (outcome.kind) {
    case 'native':
      if (outcome.domain.leaving) return { report: { ...report, code: 'discovery_none', reason: 'left' } };
      return writable(named, tag, outcome, now);
    case 'legacy':
      return { report: { ...report, reason: noBridge } };
    case 'changed': {
      const { of, what, offered } = outcome;
      return { report: { ...report, changed: { of, what, offered: formsOf(offered) } } };
    }
    default:
      return { report };
  }
}

const noBridge = 'takes mail over SMTP: the bridge that will deliver it is not in this version';

function writable(
  named: { readonly to: string; readonly address: string },
  tag: { readonly tag?: string },
  outcome: Extract<UserOutcome, { kind: 'native' }>,
  now: number,
): Resolved {
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
