/** Polls of empty drops, with good and with bad proofs, for silence.ts. */
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import type { KeyPair } from '../../src/keys/key-pair.ts';
import { handedOverOwner } from '../../src/message/drops.ts';
import { provePoll } from '../../src/message/poll-proof.ts';
import { pollRequest } from '../../src/wire/collect.ts';
import { encode } from '../../src/wire/schema.ts';

/** Encoded poll requests in base64. */
export interface PollBodies {
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

export function polls(domain: string, { id: keyId, publicKey }: KeyPair, time: number): PollBodies {
  const source = { master: new Secret(systemRandom(32)), epoch: systemRandom(16) };
  const bodies = (from: number, spoil: number): string[] =>
    Array.from({ length: 64 }, (_, n) => {
      const nonce = systemRandom(16);
      const owner = handedOverOwner(source, from + n);
      const entry = provePoll(owner, publicKey, { domain, keyId, time, nonce });
      const proof = entry.proof.map((byte, at) => (at === 0 ? byte ^ spoil : byte));
      const request = { time, nonce, keyId, entries: [{ ...entry, proof }] };
      return Buffer.from(encode(pollRequest, request)).toString('base64');
    });
  return { good: bodies(0, 0), bad: bodies(64, 1) };
}
