/** Drops: where one correspondent may write to one recipient. wire-spec/addressing.md. */
import { assertX25519Public, x25519, x25519Public } from '../crypto/dh.ts';
import { hkdf } from '../crypto/kdf.ts';
import { Secret } from '../crypto/secret.ts';
import { assertXwingPublic, xwingPublic } from '../crypto/xwing.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { context } from '../wire/context.ts';
import type { Drop } from '../wire/message.ts';
import { counts, suites, times } from '../wire/registry.ts';

/** What a drop is called in the tables of the recipient's domain (32 bytes). wire-spec/addressing.md section 1. */
export function recipientHash(pollKey: Uint8Array, domain: string): Uint8Array {
  return hkdf(pollKey, context('recipient-address', domain));
}

/** The private side of a drop: what proves polls. wire-spec/addressing.md sections 2 and 3. */
export type DropOwner =
  | { readonly kind: 'handed-over'; readonly pollKey: Uint8Array; readonly scalar: Secret }
  | {
      readonly kind: 'introduction';
      readonly pollKey: Uint8Array;
      /** The recipient's addressing scalar b. */
      readonly addressing: Secret;
      /** s, which the sender knows as well. */
      readonly shared: Secret;
    };

/** Who meets whom in an introduction. Both sides know all of this. */
export interface IntroductionParties {
  readonly senderAddressHash: Uint8Array;
  /** The sender's addressing key A (32 bytes). */
  readonly senderKey: Uint8Array;
  readonly senderFingerprint: Uint8Array;
  readonly recipientAddressHash: Uint8Array;
  /** The recipient's addressing key B (32 bytes). */
  readonly recipientKey: Uint8Array;
  readonly recipientDomain: string;
}

/**
 * The drop of an introduction for its sender, who holds the addressing scalar a: enough to write to it, not to poll it.
 * Throws `key_invalid`. wire-spec/addressing.md section 3.
 */
export function introductionDropForSender(
  addressing: Secret,
  parties: IntroductionParties,
): { readonly pollKey: Uint8Array; readonly recipientHash: Uint8Array } {
  const shared = introductionScalar(addressing, parties.recipientKey, parties);
  const pollKey = x25519(shared.expose(), parties.recipientKey);
  shared.wipe();
  return { pollKey, recipientHash: recipientHash(pollKey, parties.recipientDomain) };
}

/**
 * The drop of an introduction for its recipient, who holds the addressing scalar b: what proves polls. Throws `key_invalid`.
 * wire-spec/addressing.md section 3.
 */
export function introductionDropForRecipient(
  addressing: Secret,
  parties: IntroductionParties,
): { readonly owner: DropOwner; readonly recipientHash: Uint8Array } {
  const shared = introductionScalar(addressing, parties.senderKey, parties);
  const pollKey = x25519(shared.expose(), parties.recipientKey);
  return {
    owner: { kind: 'introduction', pollKey, addressing, shared },
    recipientHash: recipientHash(pollKey, parties.recipientDomain),
  };
}

/** s = HKDF(X25519(own scalar, other's key), context of the parties). */
function introductionScalar(own: Secret, other: Uint8Array, parties: IntroductionParties): Secret {
  const info = context(
    'introduction',
    parties.senderAddressHash,
    parties.recipientAddressHash,
    parties.senderFingerprint,
    parties.senderKey,
    parties.recipientDomain,
  );
  return new Secret(hkdf(x25519(own.expose(), other), info));
}

/** Where an introduction's bucket stands: the 12-bit field of the ref, and the number (below 2^bits) that the feed is asked for. */
export interface Bucket {
  readonly field: number;
  readonly number: number;
}

/**
 * The bucket of a recipient's addressing key with `bits` significant bits. Throws `cbor_range` for more than 12, which a client
 * refuses. wire-spec/addressing.md section 3.
 */
export function bucketOf(addressingKey: Uint8Array, domain: string, bits: number): Bucket {
  if (!Number.isInteger(bits) || bits < 0 || bits > counts.bucketBits)
    throw new BeckonError('cbor_range', 'a bucket has at most 12 bits');
  const derived = hkdf(addressingKey, context('bucket', domain), 2);
  const full = ((derived[0] as number) << 4) | ((derived[1] as number) >> 4);
  const number = full >> (counts.bucketBits - bits);
  return { field: number << (counts.bucketBits - bits), number };
}

/** What a client derives its drops from: one master, an epoch for each device and restore. */
export interface DropSource {
  readonly master: Secret;
  /** 16 bytes. */
  readonly epoch: Uint8Array;
}

export interface DerivedDrop {
  /** p(n). */
  readonly owner: DropOwner;
  /** The X-Wing seed of the sealing key: erased when the drop is forgotten. */
  readonly sealingSeed: Secret;
  readonly sealingKey: Uint8Array;
  /** chain(n + 1): it replaces chain(n), which is to be erased. */
  readonly nextChain: Secret;
}

/**
 * Drop n of a client. `chain` is chain(n), 32 bytes, which this does not erase. Nothing is handed out before epoch, n and seed are
 * durable. wire-spec/addressing.md section 4.
 */
export function deriveDrop(source: DropSource, n: number, chain: Secret): DerivedDrop {
  const { epoch } = source;
  const sealingSeed = new Secret(hkdf(chain.expose(), context('drop-seal', epoch, n)));
  return {
    owner: handedOverOwner(source, n),
    sealingSeed,
    sealingKey: xwingPublic(sealingSeed.expose()),
    nextChain: new Secret(hkdf(chain.expose(), context('drop-chain', epoch, n))),
  };
}

/** The private side of drop n, for polling: the master alone gives it, whatever became of the chain. wire-spec/addressing.md section 4. */
export function handedOverOwner({ master, epoch }: DropSource, n: number): DropOwner {
  const scalar = new Secret(hkdf(master.expose(), context('drop-poll', epoch, n)));
  return { kind: 'handed-over', pollKey: x25519Public(scalar.expose()), scalar };
}

/** The public side of a derived drop as a reply drop carries it, for `lifetime` seconds (at most, and by default, 90 days). */
export function publishDrop(derived: DerivedDrop, now: number, lifetime: number = times.dropMax): Drop {
  return {
    pollKey: derived.owner.pollKey,
    suite: suites.xwing,
    sealingKey: derived.sealingKey,
    created: now,
    notAfter: now + Math.min(lifetime, times.dropMax),
  };
}

/**
 * Throws unless messages may be sent to a drop that `senderDomain` handed over: `drop_expired` after its not-after, `message_mismatch`
 * where it is another domain's, `key_invalid` for its keys, `unsupported` for its suite. wire-spec/addressing.md sections 1 and 4.
 */
export function checkHandedOver(drop: Drop, senderDomain: string, now: number): void {
  if (drop.domain !== undefined && drop.domain !== senderDomain)
    throw new BeckonError('message_mismatch', 'the reply drop is not at the domain of the sender');
  if (drop.suite !== suites.xwing) throw new BeckonError('unsupported', 'the drop has an unknown suite');
  assertX25519Public(drop.pollKey);
  assertXwingPublic(drop.sealingKey);
  const claimsTooMuch = drop.notAfter - drop.created > times.dropMax || drop.created > now + times.clockSlack;
  if (claimsTooMuch || now > drop.notAfter)
    throw new BeckonError('drop_expired', 'the drop is past its time or claims too long a one');
}

/** As `checkHandedOver`, as a question: a drop that does not hold up is ignored, the message it came in stands. */
export function isAdoptable(drop: Drop, senderDomain: string, now: number): boolean {
  try {
    checkHandedOver(drop, senderDomain, now);
    return true;
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return false;
  }
}
