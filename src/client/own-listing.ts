/**
 * What others are shown of this user, wire-spec/keys.md section 6.
 *
 *  1. every hour or two, for the address and its aliases
 *  2. the public answer of the own domain, asked for as anybody would, without the account
 *  3. verified, and compared with what was signed here
 *  4. what is wrong is an alarm; of what is right again the alarm says so
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { NativePeer } from '../directory/domain-lookup.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { verifyUserAnswer, type VerifiedUser, type VerifiedUserAnswer } from '../keys/user-answer.ts';
import { splitAddress } from '../wire/address.ts';
import type { ClientNetwork } from './api.ts';
import { currentRecords, ownAddresses, ownRecords } from './own-records.ts';
import type { AlarmCode } from './state.ts';
import type { Session } from './store.ts';

export interface OwnListingParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'remote'>;
  /** Takes over what other devices of the user shared meanwhile. */
  readonly learn: () => Promise<void>;
  /** Takes over which aliases the domain gives the user. */
  readonly takeAliases: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Between two looks, in seconds: so much, and a random part of as much again. */
const interval = 3600;
/** How long a domain may take to show a record that it took, in seconds. */
const patience = 3600;

/** Looks where it is time to. Says nothing where the domain cannot be asked; throws `storage_failed`. */
export function createLookAtOwn(parts: OwnListingParts): () => Promise<void> {
  const { session, network, learn, clock, random } = parts;

  return async () => {
    const now = clock.seconds();
    const { canaryAt = 0 } = session.state();
    if (now < canaryAt && canaryAt <= now + 2 * interval) return;
    await session.commit({ type: 'canary-planned', at: now + interval + (random(1)[0] ?? 0) * 14 });
    await parts.takeAliases();
    for (const address of ownAddresses(session.state())) {
      const wrong = await wrongWith(address);
      if (wrong !== undefined)
        await session.commit({ type: 'record-seen', address, wrong, at: clock.seconds() });
    }
  };

  /** Undefined where nothing certain was learnt. */
  async function wrongWith(address: string): Promise<readonly AlarmCode[] | undefined> {
    const peer = await network.domains.domain(splitAddress(address).domain);
    if (peer.kind !== 'native') return undefined;
    const fetched = await network.remote.getUserAnswer(peer, addressHash(address));
    if (fetched.kind === 'later') return undefined;
    if (fetched.kind === 'gone') return fetched.code === 'user_unknown' ? ['record_missing'] : undefined;
    const answer = await verified(fetched.bytes, peer, address);
    if (answer === undefined) return ['record_invalid'];
    if (answer.kind === 'by_mail') return ['record_missing'];
    return [...(await wrongRecord(address, answer)), ...wrongListing(answer)];
  }

  async function verified(
    bytes: Uint8Array,
    peer: NativePeer,
    address: string,
  ): Promise<VerifiedUserAnswer | undefined> {
    const now = clock.seconds();
    try {
      return verifyUserAnswer(bytes, peer.record, address, now);
    } catch (error) {
      if (!(error instanceof BeckonError)) throw error;
      if (!['key_unknown', 'key_not_active'].includes(codeOf(error))) return undefined;
    }
    const newer = await network.domains.refresh(peer.domain, peer.record.serial + 1);
    if (newer.kind !== 'native' || newer.record.serial === peer.record.serial) return undefined;
    return verified(bytes, newer, address);
  }

  async function wrongRecord(address: string, listed: VerifiedUser): Promise<readonly AlarmCode[]> {
    if (!constantTimeEqual(listed.identityFingerprint, session.keys().identityFingerprint))
      return ['identity_other'];
    const fingerprint = bytesToJson(listed.recordFingerprint);
    if (ownRecords(session.state())[fingerprint] === undefined) await learn();
    const state = session.state();
    if (ownRecords(state)[fingerprint] === undefined) return ['record_other'];
    const current = currentRecords(state).find((record) => record.address === address);
    const taken = current?.published ?? clock.seconds();
    const isLate = clock.seconds() - taken > patience;
    return current?.fingerprint !== fingerprint && isLate ? ['record_older'] : [];
  }
}

function wrongListing({ status, escrow }: VerifiedUser): readonly AlarmCode[] {
  return [
    ...(status === 'active' ? [] : (['not_active'] as const)),
    ...(escrow ? (['escrow'] as const) : []),
  ];
}
