/**
 * A message on its way out.
 *
 *  1. all recipients are resolved and shown; one who cannot be written to stops all, unless partial sending is wanted
 *  2. for each a route: a contact card, a drop they handed over or an introduction, and a reply drop, durable here and for the user's other devices before it is used
 *  3. message ids are reserved: one for each part and recipient, one more for each cover
 *  4. each part is encrypted once while it is uploaded (a small one waits for its commit), then its letter signed, sealed for each recipient, committed
 *  5. several parts: a cover for each recipient, its payload not shared, carries the introduction and comes last
 *  6. what was sent is written down, for other devices too
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { encodeCover } from '../message/cover.ts';
import { encryptPayload, payloadSize } from '../message/payload.ts';
import type { CoverPart } from '../wire/message.ts';
import { mediaTypes, sizes, times } from '../wire/registry.ts';
import type { OnProgress, OnRecipients, Outgoing, OutgoingPart, RecipientReport, SendResult } from './api.ts';
import {
  composeMessage,
  letterFor,
  routeTo,
  theirDrop,
  type Route,
  type Sender,
  type Uploaded,
} from './compose.ts';
import { checkOutgoing } from './outgoing.ts';
import type { OwnDomain } from './own-domain.ts';
import type { ReplyDropFor } from './own-drops.ts';
import { introducingKey, ownAddresses } from './own-records.ts';
import { usedCards, type CardNetwork } from './read-card.ts';
import { resolveRecipients, withinCards, type Recipient, type Resolved } from './recipients.ts';
import type { Share } from './share.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import type { ClientState, Sent, SentPart } from './state.ts';
import type { PayloadSource } from '../wire/submission.ts';
import type { Session } from './store.ts';
import { gatherPayload, uploadPayload } from './upload.ts';

export interface SendParts {
  readonly session: Session;
  readonly network: CardNetwork;
  readonly own: Pick<
    OwnDomain,
    'reserve' | 'openUpload' | 'uploadProgress' | 'writePart' | 'commit' | 'retract'
  >;
  readonly replyDrop: ReplyDropFor;
  /** What is due for the own keys: nobody is written to with keys that nobody can look up. */
  readonly upkeep: () => Promise<void>;
  /** What other devices of the user know, and what they are to know: drops are handed out once they do. */
  readonly share: Pick<Share, 'learn' | 'share' | 'tryShare'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<void>;
  /** Of an upload's parts, in bytes. */
  readonly partBytes?: number;
}

export type Send = (message: Outgoing, progress?: OnProgress, before?: OnRecipients) => Promise<SendResult>;

/** What all steps of one sending share. */
interface Sending {
  readonly sender: Sender;
  readonly message: Outgoing;
  /** What it repeats. */
  readonly before: Sent | undefined;
  readonly routes: readonly Route[];
  readonly now: number;
  readonly expires: number;
  /** Reserved, to be taken one by one. */
  readonly ids: Uint8Array[];
  readonly sent: SentPart[];
  readonly progress: OnProgress | undefined;
}

export function createSend(parts: SendParts): Send {
  const { session, network, own, clock } = parts;

  return async (message, progress, inform) => {
    const now = clock.seconds();
    const usual = now + times.transitDefault;
    checkOutgoing(message, message.expires ?? usual, now);
    await parts.share.learn();
    await parts.upkeep();
    const used = usedCards(session.state());
    const found = await resolveRecipients({ network, used, now }, message.to);
    const { resolved, expires } = withinCards(found, message.expires, { now, expires: usual });
    await inform?.(resolved.map(({ report }) => report));
    const recipients = resolved.flatMap(({ recipient }) => recipient ?? []);
    const stopped = recipients.length < resolved.length && message.partial !== true;
    if (stopped || recipients.length === 0) return { recipients: resolved.map(({ report }) => report) };
    const before = sentBefore(session.state(), message);
    const sender = senderOf(session.state(), session.keys(), before?.from ?? message.from, now);
    if (before !== undefined) await giveUpDrops(before, recipients);
    const routes = await routesTo(sender, recipients, { now, expires });
    await parts.share.share();
    const covers = message.parts.length > 1 ? 1 : 0;
    const ids = [...(await own.reserve(routes.length * (message.parts.length + covers)))];
    return await sendAll(
      { sender, message, before, routes, now, expires, ids, sent: [], progress },
      resolved,
    );
  };

  /** What is sent again goes by introduction. */
  async function giveUpDrops({ created }: Sent, recipients: readonly Recipient[]): Promise<void> {
    await session.commit(
      ...recipients.map(
        ({ address }) =>
          ({ type: 'drops-given-up', address, until: Math.max(created, contactDrop(address)) }) as const,
      ),
    );
  }

  function contactDrop(address: string): number {
    return session.state().contacts[address]?.drop?.created ?? 0;
  }

  async function routesTo(
    sender: Sender,
    recipients: readonly Recipient[],
    when: { readonly now: number; readonly expires: number },
  ): Promise<readonly Route[]> {
    const routes: Route[] = [];
    for (const recipient of recipients) {
      const reply = await parts.replyDrop(recipient.address, when.now);
      const their = theirDrop(session.state(), recipient.address, sender.address);
      routes.push(routeTo(sender, recipient, their, reply, when, parts.random));
    }
    return routes;
  }

  /** Where it breaks off, what went out already is taken back, and what may have. */
  async function sendAll(sending: Sending, resolved: readonly Resolved[]): Promise<SendResult> {
    try {
      return await sendParts(sending, resolved);
    } catch (error) {
      for (const { handle } of sending.sent) await own.retract(handle).catch(() => undefined);
      throw error;
    }
  }

  async function sendParts(sending: Sending, resolved: readonly Resolved[]): Promise<SendResult> {
    const { message, sent, routes } = sending;
    const letterIds: string[] = [];
    for (const [index, part] of message.parts.entries()) letterIds.push(await sendPart(sending, part, index));
    if (message.parts.length > 1) for (const route of routes) await sendCover(sending, route);
    const { number, expires } = await writeDown(sending, letterIds);
    await parts.share.tryShare();
    const recipients = resolved.map(({ report }) => withHandles(report, sent));
    return { number, recipients, letterId: letterIds[0] ?? '', expires };
  }

  /** One payload for all recipients. Gives the letter id. */
  async function sendPart(sending: Sending, part: OutgoingPart, index: number): Promise<string> {
    const { message, routes, progress } = sending;
    const report = (done: number): void =>
      progress?.({ part: index, parts: message.parts.length, done, total: payloadSize(part.length) });
    const payload = await uploaded(part, report);
    const letter = sending.before && letterBefore(sending.before, index, payload);
    return await commit(sending, payload, routes, message.parts.length === 1, letter);
  }

  async function sendCover(sending: Sending, route: Route): Promise<void> {
    const listed = sending.sent.filter(({ to }) => to === route.recipient.address).map(coverPartOf);
    const plaintext = encodeCover(listed);
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield plaintext;
    };
    const payload = await uploaded({ mediaType: mediaTypes.cover, length: plaintext.length, open });
    await commit(sending, payload, [route], true);
  }

  async function uploaded(part: OutgoingPart, progress?: (done: number) => void): Promise<Uploaded> {
    const { mediaType, fileName, length } = part;
    const contentKey = new Secret(parts.random(32));
    const { stream, result } = encryptPayload(contentKey, part.open(), length, parts.random);
    const source = await handOver(stream, payloadSize(length), progress);
    const named = fileName === undefined ? {} : { fileName };
    return { ...result(), source, contentKey, mediaType, ...named };
  }

  /** A small payload goes with its commit: one request, and the domain waits for its disk once. */
  async function handOver(
    stream: AsyncIterable<Uint8Array>,
    size: number,
    progress?: (done: number) => void,
  ): Promise<PayloadSource> {
    if (size <= sizes.payloadInCommit) {
      const payload = await gatherPayload(stream, size);
      progress?.(size);
      return { payload };
    }
    const id = parts.random(16);
    await uploadPayload(own, {
      id,
      size,
      stream,
      ...(parts.partBytes === undefined ? {} : { partBytes: parts.partBytes }),
      ...(progress === undefined ? {} : { progress }),
      wait: parts.wait,
    });
    return { upload: id };
  }

  /** Signs the letter, seals a message for each route and commits them together. Gives the letter id. */
  async function commit(
    sending: Sending,
    payload: Uploaded,
    routes: readonly Route[],
    introduces: boolean,
    before?: Uint8Array,
  ): Promise<string> {
    const { sender, message, now, expires } = sending;
    const id = before ?? parts.random(sizes.letterId);
    const repeated = before === undefined ? undefined : sending.before;
    const { parents, retracts } = repeated ?? message;
    const created = repeated?.created ?? now;
    const signed = letterFor(sender, payload, { id, parents, retracts, created });
    const letter = { id, signed };
    const composed = routes.map((route) => {
      const messageId = taken(sending.ids);
      return composeMessage({
        sender,
        route,
        messageId,
        letter,
        payload,
        introduces,
        now,
        expires,
        random: parts.random,
      });
    });
    const { source, payloadHash } = payload;
    sending.sent.push(...composed.map(({ sent }) => sent));
    await own.commit({ ...source, payloadHash, messages: composed.map(({ submitted }) => submitted) });
    return bytesToJson(id);
  }

  async function writeDown(
    { message, before, routes, sent, now, expires }: Sending,
    letterIds: readonly string[],
  ): Promise<{ readonly number: number; readonly expires: number }> {
    if (before !== undefined) {
      await session.commit({ type: 'sent-again', number: before.number, parts: sent });
      return { number: before.number, expires };
    }
    await session.commit(
      {
        type: 'sent',
        sent: {
          letterIds,
          subject: message.subject,
          created: now,
          parts: sent,
          ...(message.from === undefined ? {} : { from: message.from }),
          ...(message.parents === undefined ? {} : { parents: message.parents }),
          ...(message.retracts === undefined ? {} : { retracts: message.retracts }),
        },
      },
      ...routes.map(({ recipient }) => ({ type: 'contact-known', address: recipient.address }) as const),
    );
    const number = session.state().sent.findLast(({ letterIds: [first] }) => first === letterIds[0])?.number;
    return { number: number ?? 0, expires };
  }
}

function senderOf(state: ClientState, keys: UserKeys, from: string | undefined, now: number): Sender {
  const address = from ?? state.address;
  if (!ownAddresses(state).includes(address))
    throw new BeckonError('request_invalid', 'this is not an address of yours');
  return { address, keys, addressing: introducingKey(state, keys, now) };
}

/** Throws `not_found`, and `request_invalid` for other recipients or parts than it had. */
function sentBefore(state: ClientState, { again, to, parts }: Outgoing): Sent | undefined {
  if (again === undefined) return undefined;
  const found = state.sent.find(({ number }) => number === again);
  if (found === undefined) throw new BeckonError('not_found', 'nothing was sent under this number');
  const known = new Set(found.parts.map((part) => part.to));
  const fits =
    parts.length === found.letterIds.length && to.length > 0 && to.every((one) => known.has(addressOf(one)));
  if (!fits)
    throw new BeckonError('request_invalid', 'what is sent again has the recipients and parts that it had');
  return found;
}

function addressOf(typed: string): string {
  return formatAddress(parseAddress(typed).address);
}

/** The letter id of a part that is sent again. Throws `payload_mismatch` for other content: one letter has one content. */
function letterBefore({ letterIds, parts }: Sent, index: number, payload: Uploaded): Uint8Array {
  const part = parts.find(({ letterId }) => letterId === letterIds[index]);
  const same =
    part?.plaintextHash === bytesToJson(payload.plaintextHash) &&
    part.mediaType === payload.mediaType &&
    part.fileName === payload.fileName;
  if (part === undefined || !same)
    throw new BeckonError('payload_mismatch', 'this is not what was sent before: nothing was sent');
  return base64urlnopad.decode(part.letterId);
}

function taken(ids: Uint8Array[]): Uint8Array {
  const id = ids.shift();
  if (id === undefined) throw new BeckonError('internal', 'fewer message ids than messages');
  return id;
}

function coverPartOf(sent: SentPart): CoverPart {
  const { messageId, expires, mediaType, length, fileName } = sent;
  const named = fileName === undefined ? {} : { fileName };
  return { id: base64urlnopad.decode(messageId), expires, mediaType, length, ...named };
}

/** The cover's handle first. */
function withHandles(report: RecipientReport, sent: readonly SentPart[]): RecipientReport {
  const own = sent.filter(({ to }) => to === report.address);
  const [first] = own;
  if (first === undefined) return report;
  const cover = own.filter(({ mediaType }) => mediaType === mediaTypes.cover);
  const others = own.filter(({ mediaType }) => mediaType !== mediaTypes.cover);
  return { ...report, way: first.way, handles: [...cover, ...others].map(({ handle }) => handle) };
}
