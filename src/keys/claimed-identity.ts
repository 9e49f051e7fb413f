/** Whose a domain answer claims to be, for who has no fingerprint to compare it with: nothing is verified here. */
import { domainAnswer, domainRecord, mandate } from '../wire/keys.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { domainFingerprint } from './fingerprints.ts';

/** The fingerprint of the identity key that the answer's mandate carries. Throws `cbor_*`. */
export function claimedFingerprint(answer: Uint8Array): Uint8Array {
  const record = decode(domainRecord, decodeSign1(decode(domainAnswer, answer).record).payload);
  return domainFingerprint(decode(mandate, decodeSign1(record.mandate).payload).identityKey);
}
