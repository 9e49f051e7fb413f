/** How a domain says in TXT that it leaves: 69 bytes, signed by its identity key, wire-spec/identity.md section 3. */
import type { Secret } from '../crypto/secret.ts';
import { ed25519Sign, ed25519Verify } from '../crypto/sign.ts';
import { BeckonError } from '../errors.ts';
import { context } from '../wire/context.ts';
import { sizes } from '../wire/registry.ts';
import { checkSerial } from './serial.ts';

const serialLength = sizes.gone - sizes.signature;

/**
 * The value of `gone`: a serial (5 bytes, big-endian) of the sequence that mandates have, not below that of the mandate in force, and
 * the signature.
 */
export function signGone(domain: string, identitySeed: Secret, serial: number): Uint8Array {
  const gone = new Uint8Array(sizes.gone);
  for (let i = 0; i < serialLength; i++)
    gone[i] = Math.floor(serial / 2 ** (8 * (serialLength - 1 - i))) % 256;
  gone.set(ed25519Sign(identitySeed.expose(), context('gone', domain, serial)), serialLength);
  return gone;
}

/**
 * The serial of a `gone` that counts: it is signed by the identity key, and the domain did not come back since, with a later mandate.
 * Throws `record_invalid` for another length or a serial ahead of the clock by more than a day, `signature_invalid`, `record_rollback`.
 */
export function verifyGone(
  gone: Uint8Array,
  expected: {
    readonly domain: string;
    readonly identityKey: Uint8Array;
    readonly mandateSerial: number;
    readonly now: number;
  },
): number {
  const { domain, identityKey, mandateSerial, now } = expected;
  if (gone.length !== sizes.gone) throw new BeckonError('record_invalid', 'gone has another length');
  const serial = gone.subarray(0, serialLength).reduce((sum, byte) => sum * 256 + byte, 0);
  if (!ed25519Verify(identityKey, context('gone', domain, serial), gone.subarray(serialLength)))
    throw new BeckonError('signature_invalid', 'the signature of gone does not hold');
  checkSerial(serial, now);
  if (serial < mandateSerial)
    throw new BeckonError('record_rollback', 'the domain came back after it had left');
  return serial;
}
