/**
 * One waiting message, from its ref to what may be shown.
 *
 *  0. the ref names the domain of whom the drop is for, where that is known: else nobody is asked
 *  1. its message-object, from the copy that the own domain pulled, else from the sender's domain (`source.ts`)
 *  2. gone there is expired here
 *  3. private header and envelope open, agree with the ref, and are for this user; written to a record that is not theirs they are
 *     verified, and then refused
 *  4. the records of sender and author; a changed identity waits for the user's word
 *  5. introduction, envelope and letter verified (wire-spec/message.md section 5)
 *  6. the letter compared with those seen: the same id over other bytes is an alarm
 *  7. written down with the reply drop, and a card with who used it; the sender is confirmed: there is somebody
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { DomainOutcome } from '../directory/domain-lookup.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { VerifiedUser } from '../keys/user-answer.ts';
import { recipientHash } from '../message/drops.ts';
import type { OpenedIntroduction } from '../message/introduction.ts';
import {
  OtherRecordError,
  openMessage,
  verifyMessage,
  type ExpectedMessage,
  type OpenedMessage as Opened,
  type VerifiedMessage,
} from '../message/message.ts';
import { splitAddress } from '../wire/address.ts';
import type { Envelope } from '../wire/message.ts';
import type { ClientNetwork } from './api.ts';
import { bridgedMail, sayingDomain } from './mail.ts';
import { correspondentOf } from './correspondent.ts';
import { seedsOf } from './own-drops.ts';
import { acceptedRecords, ownAddresses } from './own-records.ts';
import { letterKey, receivedKey } from './reduce.ts';
import { Held, isHeld, type Source } from './source.ts';
import type { ClientEvent, OpenedMessage, OwnDrop, Received, ReceivedKey } from './state.ts';
import type { Session } from './store.ts';

export interface OpenParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'users'>;
  readonly source: Source;
  readonly clock: Clock;
  /** Takes over what other devices of the user shared meanwhile. */
  readonly learn: () => Promise<void>;
}

/** Opens one waiting message; whatever goes wrong stands in the state: held, refused or expired. Throws where saving fails. */
export type OpenOne = (key: ReceivedKey) => Promise<void>;

export function createOpenOne({ session, network, source, clock, learn }: OpenParts): OpenOne {
  return async (key) => {
    const received = session.state().received[key];
    if (received?.status !== 'waiting') return;
    await session.commit(...(await outcomeOf(received)));
  };

  async function outcomeOf(received: Received): Promise<readonly ClientEvent[]> {
    const key = receivedKey(received);
    try {
      return await opened(received);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'storage_failed') throw error;
      // An own fault must not keep other messages from being opened.
      if (isHeld(error) || code === 'internal') return [{ type: 'held', key, code }];
      return [
        code === 'message_gone' ? { type: 'ended', key, status: 'expired' } : { type: 'refused', key, code },
      ];
    }
  }

  async function opened(received: Received): Promise<readonly ClientEvent[]> {
    const drop = session.state().drops[received.pollKey];
    if (drop === undefined) throw new BeckonError('message_gone', 'the drop is forgotten');
    const correspondent = correspondentOf(drop);
    if (correspondent !== undefined) expectSame(splitAddress(correspondent).domain, received.senderDomain);
    const { bytes, isCopy } = await source.object(received);
    const { message, other } = await openForMe(bytes, received, drop);
    if (correspondent !== undefined) expectSame(correspondent, message.senderAddress);
    const recordOf = createRecordOf(network, received.senderDomain, isCopy);
    const sender = await senderOf(message.senderAddress, drop, recordOf);
    const verified = await verify(message, sender, drop, recordOf);
    if (other !== undefined) return misdirected(received, verified.envelope, other);
    const domain = await sayingDomain(network.domains, received.senderDomain, verified);
    const events = [
      ...claimOf(received, drop, sender),
      ...eventsOf(receivedKey(received), verified, { sender, domain }, message.recipientAddress),
    ];
    await network.users.answered(sender.address, sender.identityFingerprint);
    return events;
  }

  /** Whose message over a card is the first to verify has it. */
  function claimOf(
    { pollKey }: Received,
    drop: OwnDrop,
    { address: by }: VerifiedUser,
  ): readonly ClientEvent[] {
    const isFirst = drop.kind === 'card' && drop.claimed === undefined;
    return isFirst ? [{ type: 'card-claimed', pollKey, by, at: clock.seconds() }] : [];
  }

  /** A record that is not known here may be one that another device signed meanwhile. */
  async function openForMe(object: Uint8Array, received: Received, drop: OwnDrop): Promise<OpenedForMe> {
    const first = openOrOther(object, expectedOf(session, received, drop));
    if (first.other === undefined || first.other.revoked) return first;
    await learn();
    return openOrOther(object, expectedOf(session, received, drop));
  }

  /**
   * Who introduced themselves with what their record does not say may have rotated since it was read, or come back with another identity:
   * that one waits for the user's word, and the message with it.
   */
  async function senderOf(address: string, drop: OwnDrop, recordOf: RecordOf): Promise<VerifiedUser> {
    const known = await recordOf(address);
    if (drop.kind !== 'introduced' || !isBehind(known, introductionOf(drop))) return known;
    await network.users.expire(address);
    return await createRecordOf(network, splitAddress(address).domain, false)(address);
  }

  async function verify(
    message: Opened,
    sender: VerifiedUser,
    drop: OwnDrop,
    recordOf: RecordOf,
  ): Promise<VerifiedMessage> {
    const other = message.authorAddress !== message.senderAddress;
    const introduction = drop.kind === 'introduced' ? introductionOf(drop) : undefined;
    return verifyMessage(
      message,
      {
        sender,
        ...(other ? { author: await recordOf(message.authorAddress) } : {}),
        ...(introduction === undefined ? {} : { introduction }),
      },
      clock.seconds(),
    );
  }

  /** Written to me, but not to a record that counts. Who was shown one that I never signed was lied to, or lies. */
  function misdirected(
    received: Received,
    envelope: Envelope,
    other: OtherRecordError,
  ): readonly ClientEvent[] {
    const refused = { type: 'refused', key: receivedKey(received), code: other.code } as const;
    if (other.revoked) return [refused];
    const { address } = session.state();
    const alarm = { code: 'record_shown', address, by: envelope.sender, seen: clock.seconds() } as const;
    return [refused, { type: 'alarm-raised', alarm }];
  }

  function eventsOf(
    key: ReceivedKey,
    verified: VerifiedMessage,
    { sender, domain }: { readonly sender: VerifiedUser; readonly domain: DomainOutcome },
    recipient: string,
  ): readonly ClientEvent[] {
    const { envelope, replyDrop } = verified;
    const to = recipient === session.state().address ? {} : { to: recipient };
    const mail = domain.kind === 'native' ? bridgedMail(verified, domain.record) : undefined;
    const message = { ...describe(verified), ...to, ...(mail === undefined ? {} : { mail }) };
    const letterHash = bytesToJson(sha256(verified.signedLetter));
    const known = session.state().letters[letterKey(message.author, message.letterId)];
    if (known !== undefined && known !== letterHash)
      throw new BeckonError('message_mismatch', 'another letter of the same author had this id');
    const opened: ClientEvent = { type: 'opened', key, message, letterHash };
    const again = isRead(message) ? [{ type: 'ended', key, status: 'accepted' } as const] : [];
    if (replyDrop === undefined) return [opened, ...again];
    const { pollKey, suite, sealingKey, notAfter } = replyDrop;
    const drop = {
      pollKey: bytesToJson(pollKey),
      suite,
      sealingKey: bytesToJson(sealingKey),
      created: envelope.created,
      notAfter,
      identity: bytesToJson(sender.identityFingerprint),
      ...to,
    };
    return [opened, ...again, { type: 'drop-adopted', address: envelope.sender, drop }];
  }

  /** The same letter was read here before: whoever sent it again did not know. */
  function isRead({ author, letterId }: OpenedMessage): boolean {
    return Object.values(session.state().received).some(
      ({ status, opened }) =>
        status === 'accepted' && opened?.author === author && opened.letterId === letterId,
    );
  }
}

interface OpenedForMe {
  readonly message: Opened;
  /** Where it was written to another record than one that counts. */
  readonly other?: OtherRecordError;
}

function openOrOther(object: Uint8Array, expected: ExpectedMessage): OpenedForMe {
  try {
    return { message: openMessage(object, expected) };
  } catch (error) {
    if (error instanceof OtherRecordError) return { message: error.opened, other: error };
    throw error;
  }
}

/** Another identity than the record's, or a key that it does not list: it may have been read before they changed. */
function isBehind(sender: VerifiedUser, introduction: OpenedIntroduction): boolean {
  return (
    !constantTimeEqual(sender.identityFingerprint, introduction.senderFingerprint) ||
    !sender.keys.some(({ key }) => constantTimeEqual(key, introduction.senderKey))
  );
}

/** A drop is one correspondent's: neither their domain, nor our own, nor who learnt of it can bring others in. */
function expectSame(handedTo: string, claimed: string): void {
  if (handedTo !== claimed)
    throw new BeckonError('message_mismatch', 'the message came over a drop that is not its sender’s');
}

type RecordOf = (address: string) => Promise<VerifiedUser>;

/**
 * Records, which the domain that just served a message is asked for at once, whatever failed before. What is here already opens though nobody can be
 * asked any more: under the newest record that was seen of the pinned identity. `isCopy`: it is.
 */
function createRecordOf(
  network: Pick<ClientNetwork, 'users'>,
  senderDomain: string,
  isCopy: boolean,
): RecordOf {
  return async (address) => {
    const domainAnswers = !isCopy && splitAddress(address).domain === senderDomain;
    const outcome = await network.users.user(address, { domainAnswers });
    if (outcome.kind === 'native') return outcome.user;
    if (outcome.kind === 'changed') throw new Held('trust_changed', 'the identity of the sender changed');
    const seen = isCopy ? await network.users.lastSeen(address) : undefined;
    if (seen !== undefined) return seen;
    if (outcome.kind === 'later')
      throw new Held('discovery_later', 'the record of the sender cannot be read now');
    throw new BeckonError('user_unknown', 'the domain of the sender does not list the sender');
  };
}

function introductionOf(drop: Extract<OwnDrop, { kind: 'introduced' }>): OpenedIntroduction {
  return {
    senderAddress: drop.claimedAddress,
    senderKey: base64urlnopad.decode(drop.theirAddressingKey),
    senderFingerprint: base64urlnopad.decode(drop.identityFingerprint),
  };
}

function expectedOf(session: Session, received: Received, drop: OwnDrop): ExpectedMessage {
  const state = session.state();
  const keys = session.keys();
  return {
    domain: keys.domain,
    recipientHash: recipientHash(base64urlnopad.decode(received.pollKey), keys.domain),
    messageId: base64urlnopad.decode(received.id),
    senderDomain: received.senderDomain,
    seeds: seedsOf(drop, keys),
    own: {
      addresses: ownAddresses(state),
      identityFingerprint: keys.identityFingerprint,
      ...acceptedRecords(state),
    },
  };
}

function describe(verified: VerifiedMessage): OpenedMessage {
  const { envelope, letter, tag, isPart } = verified;
  const { retracts, fileName } = letter;
  return {
    sender: envelope.sender,
    author: letter.author,
    forwarded: verified.authorship === 'forwarded',
    letterId: bytesToJson(letter.id),
    parents: (letter.parents ?? []).map(bytesToJson),
    ...(retracts === undefined ? {} : { retracts: bytesToJson(retracts) }),
    created: letter.created,
    mediaType: letter.mediaType,
    ...(fileName === undefined ? {} : { fileName }),
    ...(tag === undefined ? {} : { tag }),
    ...(isPart ? { part: true as const } : {}),
    length: letter.plaintextLength,
    plaintextHash: bytesToJson(letter.plaintextHash),
    payloadSize: envelope.payloadSize,
    payloadHash: bytesToJson(envelope.payloadHash),
    contentKey: bytesToJson(verified.contentKey.expose()),
    acceptToken: bytesToJson(verified.acceptToken.expose()),
  };
}
