/** What a domain checks of a user's record before it lists it, wire-spec/account.md sections 2 and 9. */
import { constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { recordFingerprint } from '../keys/fingerprints.ts';
import { keysToWriteTo, verifyInnerRecord, type VerifiedRecord } from '../keys/user-record.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userRecord } from '../wire/users.ts';

/** Which address a record says that it is for, unverified. Throws `record_invalid`. */
export function claimedAddressHash(record: Uint8Array): Uint8Array {
  try {
    return decode(userRecord, decodeSign1(record).payload).addressHash;
  } catch (cause) {
    throw invalid(cause);
  }
}

/** A record that verifies by itself and has keys to write to. Throws `record_invalid`. */
export function verifyOwnRecord(
  domain: string,
  addressHash: Uint8Array,
  record: Uint8Array,
  now: number,
): VerifiedRecord {
  try {
    const verified = verifyInnerRecord(record, { domain, addressHash, now });
    keysToWriteTo(verified, now);
    return verified;
  } catch (cause) {
    throw invalid(cause);
  }
}

/** Whether a record names the stored one as *previous*, with a higher serial. */
export function isNext(next: VerifiedRecord, stored: Uint8Array): boolean {
  const named = next.previous !== undefined && constantTimeEqual(next.previous, recordFingerprint(stored));
  return named && next.serial > decode(userRecord, decodeSign1(stored).payload).serial;
}

function invalid(cause: unknown): BeckonError {
  return new BeckonError('record_invalid', 'the user record does not verify', { cause });
}
