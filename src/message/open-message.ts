/**
 * Opening a message, wire-spec/message.md section 5.
 *
 *   open    1. private header opens   2. envelope opens and agrees with the ref   3. header hash   4. it is for me
 *   verify  5. envelope under the sender's published key   6. letter under the author's
 *
 * In between the recipient looks up the record of the sender whom the envelope names.
 */
import { sha256 } from '../crypto/kdf.ts';
import { Secret, constantTimeEqual } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { splitAddress } from '../wire/address.ts';
import {
  maxMessageObject,
  messageObject,
  type Drop,
  type Envelope,
  type Letter,
  type PrivateHeader,
} from '../wire/message.ts';
import { headerFlags, times } from '../wire/registry.ts';
import { decode } from '../wire/schema.ts';
import { toOf } from './binding.ts';
import { isAdoptable } from './drops.ts';
import { openEnvelopeWithKey, verifyEnvelope, type OpenedEnvelope } from './envelope.ts';
import { checkIntroducer, type OpenedIntroduction } from './introduction.ts';
import { readLetter, verifyLetter } from './letter.ts';
import { payloadSize, type ExpectedPayload } from './payload.ts';
import { openPrivateHeader } from './private-header.ts';

/** What a recipient knows of a message before it opens it. */
export interface ExpectedMessage {
  /** The recipient's domain; the recipient hash of the drop polled; id and sending domain of the ref. */
  readonly domain: string;
  readonly recipientHash: Uint8Array;
  readonly messageId: Uint8Array;
  readonly senderDomain: string;
  /** X-Wing seeds: the drop's one, or for an introduction the own sealing seeds, of which four are tried. */
  readonly seeds: readonly Secret[];
  readonly own: {
    readonly addresses: readonly string[];
    readonly identityFingerprint: Uint8Array;
    /** Of the own records that are not revoked. */
    readonly recordFingerprints: readonly Uint8Array[];
    /** Of those that are: what was made before that still counts. */
    readonly revokedRecords?: readonly { readonly fingerprint: Uint8Array; readonly revokedAt: number }[];
  };
}

/**
 * `message_misdirected` for the record alone: it was written to me, but to a record of mine that is revoked, or to one that I never signed:
 * then who wrote it was shown another one, if `verifyMessage` says that they wrote it.
 */
export class OtherRecordError extends BeckonError {
  readonly opened: OpenedMessage;
  readonly revoked: boolean;

  constructor(opened: OpenedMessage, revoked: boolean) {
    const which = revoked ? 'a record of mine that is revoked' : 'a record that is not mine';
    super('message_misdirected', `the message was written to ${which}`);
    this.opened = opened;
    this.revoked = revoked;
  }
}

/** A message that opened and is for me; whose it is remains to be verified. */
export interface OpenedMessage {
  /** Whose record `verifyMessage` needs; and whose for the letter: mostly the same. */
  readonly senderAddress: string;
  readonly authorAddress: string;
  /** Which of my addresses it was written to. */
  readonly recipientAddress: string;
  readonly header: PrivateHeader;
  readonly envelope: OpenedEnvelope;
}

/**
 * The first part of the checks of wire-spec/message.md section 5. Throws `cbor_*`, `open_failed`, `commitment_mismatch`,
 * `message_mismatch` or `message_misdirected` (for the record an `OtherRecordError`).
 */
export function openMessage(object: Uint8Array, expected: ExpectedMessage): OpenedMessage {
  const sealed = decode(messageObject, object, maxMessageObject);
  const header = openPrivateHeader(sealed.header, expected.seeds, expected);
  const envelope = openEnvelopeWithKey(sealed.envelope, new Secret(header.envelopeKey));
  checkAgrees(envelope.content, expected);
  if (!constantTimeEqual(envelope.content.headerHash, sha256(sealed.header)))
    throw new BeckonError('message_mismatch', 'the envelope belongs to another private header');
  const opened = {
    senderAddress: envelope.content.sender,
    authorAddress: readLetter(header.letter).author,
    recipientAddress: writtenTo(header, envelope.content, expected.own),
    header,
    envelope,
  };
  checkRecord(opened, expected.own);
  return opened;
}

function checkAgrees(content: Envelope, expected: ExpectedMessage): void {
  const agrees =
    content.destination === expected.domain &&
    constantTimeEqual(content.recipientHash, expected.recipientHash) &&
    constantTimeEqual(content.messageId, expected.messageId) &&
    splitAddress(content.sender).domain === expected.senderDomain;
  if (!agrees) throw new BeckonError('message_mismatch', 'the envelope does not agree with the ref');
}

function writtenTo(header: PrivateHeader, content: Envelope, own: ExpectedMessage['own']): string {
  const named = own.addresses.find((address) =>
    constantTimeEqual(content.to, toOf(header.bindingKey, own.identityFingerprint, address)),
  );
  if (named === undefined)
    throw new BeckonError('message_misdirected', 'the message was written to somebody else');
  return named;
}

function checkRecord(opened: OpenedMessage, own: ExpectedMessage['own']): void {
  const { header } = opened;
  const { content } = opened.envelope;
  const used = header.recordFingerprint;
  if (own.recordFingerprints.some((known) => constantTimeEqual(known, used))) return;
  const revoked = own.revokedRecords?.find(({ fingerprint }) => constantTimeEqual(fingerprint, used));
  if (revoked === undefined || content.created >= revoked.revokedAt)
    throw new OtherRecordError(opened, revoked !== undefined);
}

/** A message that is what it claims to be; the payload is still to come. */
export interface VerifiedMessage {
  readonly envelope: Envelope;
  readonly letter: Letter;
  /** As signed: the same letter id with other bytes is an alarm. */
  readonly signedLetter: Uint8Array;
  /** Who may be shown: the sender wrote it, the author meant it for the sender, or it was forwarded. */
  readonly authorship: 'sender' | 'audience' | 'forwarded';
  readonly contentKey: Secret;
  readonly acceptToken: Secret;
  /** What `decryptPayload` checks. */
  readonly payload: ExpectedPayload;
  /** Only where it may be adopted. */
  readonly replyDrop?: Drop;
  readonly tag?: string;
  /** Its sender says that a cover lists it, wire-spec/message.md section 6. */
  readonly isPart: boolean;
}

/** The records that `verifyMessage` needs. */
export interface MessageWitnesses {
  readonly sender: VerifiedUser;
  /** Where the letter's author is not the sender. */
  readonly author?: VerifiedUser;
  /** Where the message came by introduction. */
  readonly introduction?: OpenedIntroduction;
}

/**
 * The second part of the checks of wire-spec/message.md section 5. Throws `fingerprint_mismatch`, `message_mismatch`, `key_unknown`,
 * `signature_invalid`, `payload_mismatch` where letter and envelope contradict each other on the size.
 */
export function verifyMessage(
  opened: OpenedMessage,
  witnesses: MessageWitnesses,
  now: number,
): VerifiedMessage {
  const { sender, author = sender, introduction } = witnesses;
  const { header } = opened;
  if (introduction !== undefined) checkIntroducer(introduction, sender, opened.envelope.content.created);
  const envelope = verifyEnvelope(opened.envelope, sender);
  const letter = verifyLetter(header.letter, author);
  if (payloadSize(letter.plaintextLength) !== envelope.payloadSize)
    throw new BeckonError('payload_mismatch', 'letter and envelope disagree on the size');
  const { replyDrop, tag, flags = 0 } = header;
  const adopted =
    replyDrop !== undefined && !isAhead(envelope, now) && isAdoptable(replyDrop, sender.domain, now);
  return {
    envelope,
    letter,
    signedLetter: header.letter,
    authorship: authorshipOf(letter, envelope),
    contentKey: new Secret(header.contentKey),
    acceptToken: new Secret(header.acceptToken),
    payload: {
      plaintextLength: letter.plaintextLength,
      plaintextHash: letter.plaintextHash,
      payloadHash: envelope.payloadHash,
    },
    ...(adopted ? { replyDrop } : {}),
    ...(tag === undefined ? {} : { tag }),
    isPart: (flags & headerFlags.part) !== 0,
  };
}

/** A drop that came in the future would be the newest for ever, and no `dropsSince` would end it. */
function isAhead({ created }: Envelope, now: number): boolean {
  return created > now + times.clockSlack;
}

/** wire-spec/message.md section 4: where author and sender differ, the audience decides. */
function authorshipOf(letter: Letter, envelope: Envelope): VerifiedMessage['authorship'] {
  if (letter.author === envelope.sender) return 'sender';
  return letter.audience === envelope.sender ? 'audience' : 'forwarded';
}
