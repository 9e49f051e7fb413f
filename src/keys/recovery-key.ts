/** The text form of a recovery key, for paper: shown once, typed by people. */
import { base32crockford } from '@scure/base';
import { concat, sha256 } from '../crypto/kdf.ts';
import { Secret, constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { secretLength } from './key-pair.ts';

const prefix = 'BECKON-RECOVERY-';
const group = 4;
/** With these, seed and checksum fill whole letters: 35 bytes are 56 of them. */
const checksumLength = 3;

/**
 * `BECKON-RECOVERY-` and 14 groups of four letters: Crockford's base32 of the seed and the first 3 bytes of its SHA-256, so that a
 * slip of the pen is noticed.
 */
export function formatRecoveryKey(seed: Secret): string {
  const bytes = seed.expose();
  const letters = base32crockford.encode(concat(bytes, checksum(bytes)));
  return prefix + (letters.match(new RegExp(`.{${group}}`, 'g')) as string[]).join('-');
}

/**
 * The seed of a typed recovery key. Case, spaces and hyphens do not matter; O is read as 0, I and L as 1. Throws `key_invalid` for
 * anything else.
 */
export function parseRecoveryKey(typed: string): Secret {
  const compact = typed.toUpperCase().replace(/[\s-]/g, '');
  const start = prefix.replaceAll('-', '');
  let bytes: Uint8Array;
  try {
    if (!compact.startsWith(start)) throw new Error('another prefix');
    bytes = base32crockford.decode(compact.slice(start.length));
  } catch {
    // The cause is not passed on: the library quotes what it was given.
    throw new BeckonError('key_invalid', 'this is not a recovery key');
  }
  const seed = bytes.slice(0, secretLength);
  if (
    bytes.length !== secretLength + checksumLength ||
    !constantTimeEqual(bytes.subarray(secretLength), checksum(seed))
  )
    throw new BeckonError('key_invalid', 'the recovery key is not complete or has a typing error');
  return new Secret(seed);
}

function checksum(seed: Uint8Array): Uint8Array {
  return sha256(seed).subarray(0, checksumLength);
}
