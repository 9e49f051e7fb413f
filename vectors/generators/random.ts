import { createHash } from 'node:crypto';
import type { Random } from '../../src/crypto/random.ts';

/**
 * Bytes that look random and are always the same: SHA-256 of `beckon vectors 1 <label> <counter>`, one hash for each 32
 * bytes. Each label is a stream of its own, so that a new case does not change the others.
 */
export function seeded(label: string): Random {
  let counter = 0;
  return (length) => {
    const blocks: Buffer[] = [];
    for (let have = 0; have < length; have += 32)
      blocks.push(createHash('sha256').update(`beckon vectors 1 ${label} ${counter++}`).digest());
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
  };
}
