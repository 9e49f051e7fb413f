/**
 * A user's next record, for their address or an alias of it, wire-spec/account.md section 9.
 *
 * 1. which of the user's addresses it is for; what is stored for that address already is done
 * 2. it verifies by itself, as at enrolment, and keeps the identity: another one comes by a new invitation only
 * 3. it follows the stored one: a higher serial, whose *previous* names it
 * 4. compare and set: durable, and listed from the next look-up on
 */
import type { Clock } from '../clock.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recordFingerprint } from '../keys/fingerprints.ts';
import type { VerifiedRecord } from '../keys/user-record.ts';
import type { AliasStore } from '../store/api/aliases.ts';
import type { UserStore } from '../store/api/users.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userRecord, type UserRecord } from '../wire/users.ts';
import { claimedAddressHash, verifyOwnRecord } from './own-record.ts';
import type { AccountUser } from './user.ts';

export interface RecordParts {
  readonly users: UserStore;
  readonly aliases: AliasStore;
  readonly clock: Clock;
}

/**
 * The function resolves when the record is on disk. Throws `record_invalid`, `record_rollback` (its serial is not higher),
 * `conflict` (another record is stored than the one it names), `not_found` (the address is not this user's).
 */
export function createPutRecord(
  parts: RecordParts,
): (user: AccountUser, record: Uint8Array) => Promise<void> {
  const { users, aliases, clock } = parts;

  async function storedMain({ owner }: AccountUser): Promise<Uint8Array> {
    const user = await users.get(owner.domain, owner.user);
    if (user?.record === undefined) throw new BeckonError('not_found', 'there is no such user');
    return user.record;
  }

  /** Throws `not_found` for an address that is no alias of this user's. */
  async function storedAlias({ owner }: AccountUser, hash: Uint8Array): Promise<Uint8Array | undefined> {
    const alias = await aliases.get(owner.domain, hash);
    if (alias === undefined || alias.gone !== undefined || !constantTimeEqual(alias.user, owner.user))
      throw new BeckonError('not_found', 'the address is not one of this user');
    return alias.record;
  }

  return async (user, record) => {
    const { domain, user: own } = user.owner;
    const hash = claimedAddressHash(record);
    const main = await storedMain(user);
    const isMain = constantTimeEqual(hash, own);
    const stored = isMain ? main : await storedAlias(user, hash);
    if (stored !== undefined && constantTimeEqual(stored, record)) return;
    const next = verifyOwnRecord(domain, hash, record, clock.seconds());
    if (!constantTimeEqual(next.identityKey, contentOf(main).identityKey))
      throw new BeckonError('record_invalid', 'another identity takes a new invitation');
    if (stored !== undefined) expectFollows(next, stored);
    if (isMain) return await users.putRecord(domain, own, { previous: main, record });
    const replaced = stored === undefined ? {} : { previous: stored };
    await aliases.putRecord(domain, hash, { user: own, ...replaced, record });
  };
}

function expectFollows(next: VerifiedRecord, stored: Uint8Array): void {
  if (next.previous === undefined || !constantTimeEqual(next.previous, recordFingerprint(stored)))
    throw new BeckonError('conflict', 'another record is stored than the one that this one follows');
  if (next.serial <= contentOf(stored).serial)
    throw new BeckonError('record_rollback', 'the serial of a record must rise');
}

function contentOf(record: Uint8Array): UserRecord {
  return decode(userRecord, decodeSign1(record).payload);
}
