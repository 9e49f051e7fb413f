/** What a message is made of before it is uploaded: where it goes, and the sealed messages of one payload. */
import { base64urlnopad } from '@scure/base';
import type { Random } from '../crypto/random.ts';
import type { Secret } from '../crypto/secret.ts';
import { addressHash, traceHandle } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { KeyPair } from '../keys/key-pair.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { bucketOf, introductionDropForSender, recipientHash } from '../message/drops.ts';
import { sealIntroduction } from '../message/introduction.ts';
import { signLetter } from '../message/letter.ts';
import { sealMessage } from '../message/message.ts';
import type { PayloadSummary } from '../message/payload.ts';
import { splitAddress } from '../wire/address.ts';
import type { Drop } from '../wire/message.ts';
import type { Outgoing } from './api.ts';
import type { PayloadSource, SubmittedMessage } from '../wire/submission.ts';
import type { Recipient } from './recipients.ts';
import type { ClientState, SentPart, TheirDrop } from './state.ts';

/** Who writes. */
export interface Sender {
  readonly address: string;
  readonly keys: UserKeys;
  /** To introduce oneself with. */
  readonly addressing: KeyPair;
}

/** The drop that a message goes to, chosen once for all messages that belong together. */
export interface Route {
  readonly recipient: Recipient;
  readonly way: 'introduction' | 'drop' | 'card';
  readonly recipientHash: Uint8Array;
  readonly sealingKey: Uint8Array;
  /** Of a drop that was handed over. */
  readonly notAfter?: number;
  /** 178 bytes: for the ref that introduces. */
  readonly introduction?: Uint8Array;
  /** For every header: where the recipient answers. */
  readonly replyDrop: Drop;
}

/** The card that the user named; the newest drop that the recipient handed over, while it outlasts the message; else an introduction. */
export function routeTo(
  sender: Sender,
  recipient: Recipient,
  their: TheirDrop | undefined,
  replyDrop: Drop,
  when: { readonly now: number; readonly expires: number },
  random: Random,
): Route {
  if (recipient.card !== undefined) return { recipient, replyDrop, ...cardRoute(recipient, recipient.card) };
  const usable = their !== undefined && when.expires <= their.notAfter && !isVoid(their, recipient);
  if (!usable) return { recipient, replyDrop, ...introductionTo(sender, recipient, random) };
  const pollKey = base64urlnopad.decode(their.pollKey);
  return {
    recipient,
    replyDrop,
    way: 'drop',
    recipientHash: recipientHash(pollKey, recipient.domain.domain),
    sealingKey: base64urlnopad.decode(their.sealingKey),
    notAfter: their.notAfter,
  };
}

/** The drop of a contact card, which was checked already. */
function cardRoute(
  { domain }: Recipient,
  { pollKey, sealingKey, notAfter }: Drop,
): Pick<Route, 'way' | 'recipientHash' | 'sealingKey' | 'notAfter'> {
  return { way: 'card', recipientHash: recipientHash(pollKey, domain.domain), sealingKey, notAfter };
}

/** Withdrawn by the recipient, or handed over by another identity than the one that is pinned now. wire-spec/keys.md section 9. */
function isVoid(their: TheirDrop, { user, since, dropsSince = 0 }: Recipient): boolean {
  const { identity } = their;
  // Drops of version 0.1.0 do not say whose they are: those from before the present identity may be another's.
  const ofAnother =
    identity === undefined ? their.created < since : identity !== bytesToJson(user.identityFingerprint);
  return ofAnother || their.created < dropsSince;
}

function introductionTo(
  { address, keys, addressing: own }: Sender,
  recipient: Recipient,
  random: Random,
): Pick<Route, 'way' | 'recipientHash' | 'sealingKey' | 'introduction'> {
  const { local, domain } = splitAddress(address);
  const recipientDomain = recipient.domain.domain;
  const recipientKey = recipient.addressing.key;
  const drop = introductionDropForSender(own.secret, {
    senderAddressHash: addressHash(address),
    senderKey: own.publicKey,
    senderFingerprint: keys.identityFingerprint,
    recipientAddressHash: addressHash(recipient.address),
    recipientKey,
    recipientDomain,
  });
  const introduction = sealIntroduction({
    senderKey: own.publicKey,
    senderFingerprint: keys.identityFingerprint,
    senderLocal: local,
    senderDomain: domain,
    recipientKey,
    recipientDomain,
    bucketField: bucketOf(recipientKey, recipientDomain, recipient.domain.record.bucketBits).field,
    random,
  });
  return {
    way: 'introduction',
    recipientHash: drop.recipientHash,
    sealingKey: recipient.sealing.key,
    introduction,
  };
}

/** A payload that was uploaded, or is small and goes with its commit. */
export interface Uploaded extends PayloadSummary {
  readonly source: PayloadSource;
  readonly contentKey: Secret;
  readonly mediaType: string;
  readonly fileName?: string;
}

export interface LetterFields {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly parents: Outgoing['parents'];
  readonly retracts: Outgoing['retracts'];
  readonly created: number;
}

/** The letter of a payload: one for all who share it. */
export function letterFor(sender: Sender, payload: Uploaded, fields: LetterFields): Uint8Array {
  const { parents = [], retracts } = fields;
  return signLetter(
    {
      author: sender.address,
      fingerprint: sender.keys.identityFingerprint,
      id: fields.id,
      ...(parents.length === 0 ? {} : { parents: parents.map((parent) => base64urlnopad.decode(parent)) }),
      ...(retracts === undefined ? {} : { retracts: base64urlnopad.decode(retracts) }),
      created: fields.created,
      plaintextHash: payload.plaintextHash,
      plaintextLength: payload.plaintextLength,
      mediaType: payload.mediaType,
      ...(payload.fileName === undefined ? {} : { fileName: payload.fileName }),
    },
    sender.keys.identity,
  );
}

export interface MessageFor {
  readonly sender: Sender;
  readonly route: Route;
  readonly messageId: Uint8Array;
  readonly letter: { readonly id: Uint8Array; readonly signed: Uint8Array };
  readonly payload: Uploaded;
  /** Whether its ref carries the route's introduction. */
  readonly introduces: boolean;
  /** A cover is going to list it. */
  readonly isPart: boolean;
  readonly now: number;
  readonly expires: number;
  readonly random: Random;
}

/** One message sealed for one recipient: for the commit, and for the own list of sent messages. */
export function composeMessage(message: MessageFor): {
  readonly submitted: SubmittedMessage;
  readonly sent: SentPart;
} {
  const { sender, route, messageId, letter, payload, expires } = message;
  const { recipient, recipientHash, sealingKey, notAfter, introduction } = route;
  const { mediaType, fileName } = payload;
  const sealed = sealMessage({
    sender: { address: sender.address, identity: sender.keys.identity },
    recipient: recipient.user,
    domain: recipient.domain.record,
    drop: { recipientHash, sealingKey, ...(notAfter === undefined ? {} : { notAfter }) },
    messageId,
    letter: letter.signed,
    payload: {
      contentKey: payload.contentKey,
      size: payload.payloadSize,
      hash: payload.payloadHash,
      mediaType,
    },
    expires,
    isPart: message.isPart,
    replyDrop: route.replyDrop,
    ...(recipient.tag === undefined ? {} : { tag: recipient.tag }),
    now: message.now,
    random: message.random,
  });
  return {
    submitted: {
      id: messageId,
      destination: recipient.domain.domain,
      recipientHash,
      header: sealed.header,
      envelope: sealed.envelope,
      acceptTokenHash: sealed.acceptTokenHash,
      expires,
      ...(message.introduces && introduction !== undefined ? { introduction } : {}),
    },
    sent: {
      handle: traceHandle(messageId),
      messageId: bytesToJson(messageId),
      letterId: bytesToJson(letter.id),
      to: recipient.address,
      way: route.way,
      ...(route.way === 'card' ? { card: bytesToJson(recipientHash) } : {}),
      mediaType,
      ...(fileName === undefined ? {} : { fileName }),
      plaintextHash: bytesToJson(payload.plaintextHash),
      length: payload.plaintextLength,
      expires,
    },
  };
}

/**
 * The drop that a correspondent handed over, unless it is given up. It takes what comes from the address that it was handed to:
 * from another one of this user's, `from`, there is none.
 */
export function theirDrop(state: ClientState, address: string, from: string): TheirDrop | undefined {
  const { drop, gaveUp = 0 } = state.contacts[address] ?? {};
  const ours = drop !== undefined && (drop.to ?? state.address) === from;
  return ours && drop.created > gaveUp ? drop : undefined;
}
