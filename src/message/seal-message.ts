/**
 * Sealing a message, wire-spec/message.md section 5.
 *
 *   1. fresh keys and accept token   2. private header, sealed to the drop   3. envelope, signed over its hash
 */
import { sha256 } from '../crypto/kdf.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { encapsulateWith, type Encapsulate } from '../crypto/xwing.ts';
import { BeckonError } from '../errors.ts';
import type { VerifiedDomain } from '../keys/domain-record.ts';
import { acceptTokenHash } from '../keys/fingerprints.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import { usableKey, type PublishedKey } from '../keys/published-key.ts';
import { messageObject, type Drop, type Envelope, type PrivateHeader } from '../wire/message.ts';
import { headerFlags, sizes } from '../wire/registry.ts';
import { encode } from '../wire/schema.ts';
import { toOf } from './binding.ts';
import { sealEnvelope } from './envelope.ts';
import { sealPrivateHeader } from './private-header.ts';

export interface MessageToSeal {
  readonly sender: { readonly address: string; readonly identity: KeyPair };
  /** A `VerifiedUser` will do. */
  readonly recipient: {
    readonly address: string;
    readonly identityFingerprint: Uint8Array;
    readonly recordFingerprint: Uint8Array;
  };
  /** The recipient's domain. */
  readonly domain: Pick<VerifiedDomain, 'domain' | 'keys'>;
  /** Where the message goes: of an introduction, or handed over. */
  readonly drop: {
    readonly recipientHash: Uint8Array;
    readonly sealingKey: Uint8Array;
    /** Of a drop that was handed over. */
    readonly notAfter?: number;
  };
  /** Reserved at the sender's server. */
  readonly messageId: Uint8Array;
  /** From `signLetter`. */
  readonly letter: Uint8Array;
  readonly payload: {
    readonly contentKey: Secret;
    readonly size: number;
    readonly hash: Uint8Array;
    /** A hint for the receiving domain. */
    readonly mediaType: string;
  };
  /** End of transit. */
  readonly expires: number;
  /** Bits of `envelopeFlags`. */
  readonly flags?: number;
  /** A cover is going to list it, wire-spec/message.md section 6. */
  readonly isPart?: boolean;
  readonly replyDrop?: Drop;
  /** What stood behind `+` in the address that the user typed. */
  readonly tag?: string;
  readonly now: number;
  readonly random: Random;
  /** Asked for the header's seal, then for the envelope's; without it both are made here, with `random`. */
  readonly encapsulate?: Encapsulate;
}

export interface SealedMessage {
  /** The encoded message-object that the sender's domain serves; `header` and `envelope` are its parts. */
  readonly object: Uint8Array;
  readonly header: Uint8Array;
  readonly envelope: Uint8Array;
  readonly headerHash: Uint8Array;
  readonly acceptToken: Secret;
  readonly acceptTokenHash: Uint8Array;
}

/**
 * Seals one message for one recipient. `random` is asked for 32 bytes each of envelope key, binding key and accept token, then by the
 * seals of header and envelope. Throws `drop_expired` where transit would outlast the drop, `key_not_active` where the domain has no envelope key,
 * `key_invalid`, `cbor_*`.
 */
export function sealMessage(message: MessageToSeal): SealedMessage {
  const { drop, messageId, domain, random, encapsulate = encapsulateWith(random) } = message;
  if (drop.notAfter !== undefined && message.expires > drop.notAfter)
    throw new BeckonError('drop_expired', 'the drop ends before the message does');
  const domainKey = envelopeKeyOf(domain, message.now);
  const envelopeKey = new Secret(random(32));
  const bindingKey = new Secret(random(32));
  const acceptToken = new Secret(random(sizes.acceptToken));
  const binding = { domain: domain.domain, recipientHash: drop.recipientHash, messageId };
  const content = headerOf(message, envelopeKey, bindingKey, acceptToken);
  const header = sealPrivateHeader(content, drop.sealingKey, binding, random, encapsulate);
  const headerHash = sha256(header);
  const to = toOf(bindingKey.expose(), message.recipient.identityFingerprint, message.recipient.address);
  const signed = envelopeOf(message, headerHash, to);
  const { identity } = message.sender;
  const envelope = sealEnvelope(signed, identity, envelopeKey, domainKey, random, encapsulate);
  return {
    object: encode(messageObject, { header, envelope }),
    header,
    envelope,
    headerHash,
    acceptToken,
    acceptTokenHash: acceptTokenHash(acceptToken.expose()),
  };
}

/** The domain's key that envelopes are sealed to now. Throws `key_not_active`. */
export function envelopeKeyOf(domain: MessageToSeal['domain'], now: number): PublishedKey {
  return usableKey(domain, 'envelope', now);
}

function headerOf(
  message: MessageToSeal,
  envelopeKey: Secret,
  bindingKey: Secret,
  acceptToken: Secret,
): PrivateHeader {
  return {
    contentKey: message.payload.contentKey.expose(),
    envelopeKey: envelopeKey.expose(),
    bindingKey: bindingKey.expose(),
    acceptToken: acceptToken.expose(),
    ...(message.replyDrop === undefined ? {} : { replyDrop: message.replyDrop }),
    ...(message.tag === undefined ? {} : { tag: message.tag }),
    recordFingerprint: message.recipient.recordFingerprint,
    letter: message.letter,
    ...(message.isPart === true ? { flags: headerFlags.part } : {}),
  };
}

function envelopeOf(message: MessageToSeal, headerHash: Uint8Array, to: Uint8Array): Envelope {
  const { payload } = message;
  return {
    destination: message.domain.domain,
    sender: message.sender.address,
    recipientHash: message.drop.recipientHash,
    messageId: message.messageId,
    mediaType: payload.mediaType,
    payloadSize: payload.size,
    payloadHash: payload.hash,
    created: message.now,
    expires: message.expires,
    flags: message.flags ?? 0,
    headerHash,
    to,
  };
}
