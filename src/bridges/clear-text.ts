/**
 * Whether mail in clear text may go to an address at all: the domain's own look, whatever the sender's client found. wire-spec/bridges.md
 * section 3. Nothing is remembered of who was looked up: pins are the client's.
 */
import type { Clock } from '../clock.ts';
import type { DirectoryCache } from '../directory/cache.ts';
import type { ConfirmLegacy } from '../directory/confirm-legacy.ts';
import { createDomains } from '../directory/domains.ts';
import { createUsers, type Users } from '../directory/users.ts';
import type { Discover } from '../dns/discover.ts';
import { BeckonError } from '../errors.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { silentLog } from '../log.ts';
import type { Https } from '../outbound/https.ts';
import type { MailOutcome } from './transport.ts';

/** What is known of addresses of our own domains: no need to ask oneself over the network. Undefined for other domains. */
export type OwnAddress = (address: string) => Promise<'native' | 'mail' | 'unknown' | undefined>;

export interface MailRecipientParts {
  readonly own: OwnAddress;
  readonly discover: Discover;
  readonly https: Https;
  readonly confirmLegacy: ConfirmLegacy;
  readonly clock: Clock;
}

/** Undefined where mail may go there; else what becomes of it. Does not throw. */
export type RefuseRecipient = (recipient: string) => Promise<MailOutcome | undefined>;

export function createRefuseRecipient(parts: MailRecipientParts): RefuseRecipient {
  return async (recipient) => {
    try {
      const address = formatAddress(parseAddress(recipient).address);
      const own = await parts.own(address);
      if (own === 'mail') return undefined;
      if (own !== undefined) return own === 'native' ? native : noMailbox;
      return refusal(await usersOf(parts).user(address));
    } catch (error) {
      // Not an address: it was checked when the mail came in.
      if (error instanceof BeckonError && error.code.endsWith('_invalid')) return noMailbox;
      return later;
    }
  };
}

/** A directory that remembers nothing from one question to the next. */
function usersOf({ discover, https, confirmLegacy, clock }: MailRecipientParts): Users {
  const entries = new Map<string, Uint8Array>();
  const cache: DirectoryCache = {
    get: async (key) => entries.get(key),
    put: async (key, value) => void entries.set(key, value),
    delete: async (key) => void entries.delete(key),
  };
  const options = { https, cache, clock, log: silentLog };
  return createUsers({ ...options, domains: createDomains({ ...options, discover }), confirmLegacy });
}

function refusal(outcome: Awaited<ReturnType<Users['user']>>): MailOutcome | undefined {
  switch (outcome.kind) {
    case 'legacy':
      return undefined;
    case 'native':
    case 'changed':
      return native;
    case 'unknown':
      return noMailbox;
    case 'none':
      // Who left takes mail as everybody did before.
      return outcome.reason === 'left' ? undefined : { kind: 'failed', status: '5.1.2' };
    case 'later':
      return later;
  }
}

/** It would have been sealed by a client: clear text for somebody who is native is refused. */
const native: MailOutcome = { kind: 'failed', status: '5.7.1' };
const noMailbox: MailOutcome = { kind: 'failed', status: '5.1.1' };
const later: MailOutcome = { kind: 'later', status: '4.4.3' };
