/** Enrolment: an invitation becomes a user with keys of their own, wire-spec/account.md section 2. */
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { assertEd25519Public } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import type { UserStore } from '../store/api/users.ts';
import { claimedAddressHash, isNext, verifyOwnRecord } from './own-record.ts';

export interface Enrolment {
  readonly token: Uint8Array;
  /** The signed inner user record. */
  readonly record: Uint8Array;
  /** Ed25519 public key that signed the request. */
  readonly device: Uint8Array;
  /** The user's word for the device. */
  readonly name?: string;
  /** Ed25519 public key of the recovery phrase. */
  readonly recovery?: Uint8Array;
}

export interface EnrollParts {
  readonly users: UserStore;
  readonly clock: Clock;
}

/**
 * Verifies the record, then redeems the token: once, or again for the same device and record. Gives the address hash.
 * Throws `record_invalid` for a record that does not verify, `invitation_invalid` for a token that does not fit it, `key_invalid`
 * and `request_invalid` for a recovery key that is none.
 */
export function createEnroll({
  users,
  clock,
}: EnrollParts): (domain: string, enrolment: Enrolment) => Promise<Uint8Array> {
  return async (domain, { token, record, ...keys }) => {
    const now = clock.seconds();
    if (keys.recovery !== undefined) checkOther(keys.recovery, keys.device);
    const next = verifyOwnRecord(domain, claimedAddressHash(record), record, now);
    const stored = (await users.get(domain, next.addressHash))?.record;
    // Whether the invitation is good is for the store to say, and before anything about the record.
    const follows = stored !== undefined && isNext(next, stored) ? { replaces: stored } : {};
    const enrolment = { ...keys, ...follows, tokenHash: sha256(token), record, now };
    return (await users.enroll(domain, next.addressHash, enrolment)).addressHash;
  };
}

function checkOther(recovery: Uint8Array, device: Uint8Array): void {
  assertEd25519Public(recovery);
  if (constantTimeEqual(recovery, device))
    throw new BeckonError('request_invalid', 'the recovery key is another one than that of the device');
}
