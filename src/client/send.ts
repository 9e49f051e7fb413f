/**
 * A message on its way out.
 *
 *  1. all recipients are resolved and shown; one who cannot be written to stops all, unless partial sending is wanted
 *  2. for each a route: a contact card, a drop they handed over or an introduction, and a reply drop, durable here and for the user's other devices before it is used
 *  3. it gets its number and is noted as unfinished, with what goes by mail: from here on it goes on after a crash
 *  4. what `send-parts.ts` does: ids, uploads, commits, covers
 *  5. what was sent is written down, for other devices too
 *  6. what `send-mail.ts` does: those who take mail only
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { mediaTypes, times } from '../wire/registry.ts';
import { coversFirst } from './belonging.ts';
import { routeTo, theirDrop, type Route, type Sender } from './compose.ts';
import { checkOutgoing } from './outgoing.ts';
import type { OwnDomain } from './own-domain.ts';
import type { ReplyDropFor } from './own-drops.ts';
import { introducingKey, ownAddresses } from './own-records.ts';
import { usedCards, type CardNetwork } from './read-card.ts';
import { resolveRecipients, withinCards, type Recipient, type Resolved } from './recipients.ts';
import { createNote } from './note-sending.ts';
import { createSendParts, type Running } from './send-parts.ts';
import type { SendMail, WithMail } from './send-mail.ts';
import type { Share } from './share.ts';
import type { ClientState, Sent, SentPart } from './state.ts';

import type { Session } from './store.ts';
import type {
  ClientSending,
  ContentOf,
  MailSending,
  OnProgress,
  OnRecipients,
  Outgoing,
  RecipientReport,
  SendResult,
} from './send-api.ts';
import { describeUnfinished, isNativelySent, type Unfinished, type UnfinishedStore } from './unfinished.ts';

export interface SendParts {
  readonly session: Session;
  readonly unfinished: UnfinishedStore;
  readonly network: CardNetwork;
  readonly own: Pick<
    OwnDomain,
    'reserve' | 'openUpload' | 'uploadProgress' | 'writePart' | 'abandonUpload' | 'commit' | 'retract'
  >;
  readonly replyDrop: ReplyDropFor;
  /** To those who take mail only. */
  readonly mail: SendMail;
  /** What is due for the own keys: nobody is written to with keys that nobody can look up. */
  readonly upkeep: () => Promise<void>;
  /** What other devices of the user know, and what they are to know: drops are handed out once they do. */
  readonly share: Pick<Share, 'learn' | 'tryLearn' | 'share' | 'tryShare'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<void>;
  /** Of an upload's parts, in bytes. */
  readonly partBytes?: number;
}

export type Send = (message: Outgoing, progress?: OnProgress, before?: OnRecipients) => Promise<SendResult>;

/** What stops a sending only for now: what went out is not taken back, and it can go on. */
const passing: readonly ErrorCode[] = [
  'network_failed',
  'unavailable',
  'rate_limited',
  'discovery_later',
  'tls_failed',
  'storage_failed',
  // A content that is not where it was.
  'usage',
  'message_gone',
];

/** Whom a sending reaches, and how. */
interface Reached {
  readonly resolved: readonly Resolved[];
  readonly expires: number;
  readonly ways?: Pick<Running, 'sender' | 'before' | 'routes' | 'now'>;
  /** Somebody gets it by mail. */
  readonly byMail?: boolean;
}

interface Wanted {
  readonly to: readonly string[];
  readonly from?: string | undefined;
  readonly again?: number | undefined;
  readonly expires?: number | undefined;
  readonly partial?: boolean | undefined;
  readonly mail?: MailSending | undefined;
  /** How many. */
  readonly parts: number;
}

export function createSend(parts: SendParts): { readonly send: Send; readonly sending: ClientSending } {
  const { session, unfinished, network, own, clock, random } = parts;
  const sendParts = createSendParts(parts);
  const note = createNote(parts);

  const send: Send = async (message, progress, inform) => {
    const now = clock.seconds();
    checkOutgoing(message, message.expires ?? now + times.transitDefault, now);
    const { resolved, expires, ways, byMail } = await reach(
      { ...message, parts: message.parts.length },
      now,
      inform,
    );
    const reports = { recipients: resolved.map(({ report }) => report) };
    const mail = byMail ? message.mail : undefined;
    if (ways === undefined && mail === undefined) return reports;
    const noted = await note(message, resolved, {
      now,
      expires,
      ...ways,
      routes: routesOf(ways?.routes ?? []),
    });
    const contents = message.parts.values();
    const contentOf: ContentOf = async () => contents.next().value ?? nothing;
    const result =
      ways === undefined
        ? reports
        : await run({ ...ways, noted, contentOf, progress, late: false }, resolved);
    const left = await withMailLeft(noted);
    return mail === undefined || left === undefined
      ? result
      : await parts.mail.send(left, mail.compose, resolved, result, progress);
  };

  /** As it is noted by now, where its mail is still to go. */
  async function withMailLeft({ number }: Unfinished): Promise<WithMail | undefined> {
    const found = (await unfinished.all(session.state())).find((one) => one.number === number);
    return found?.mail === undefined ? undefined : { ...found, mail: found.mail };
  }

  const sending: ClientSending = {
    async lookUp(to) {
      const now = clock.seconds();
      const found = await resolveRecipients({ network, used: usedCards(session.state()), now }, to);
      return found.map(({ report }) => report);
    },
    async sentTo(sha256) {
      await parts.share.tryLearn();
      const { sent } = session.state();
      return sent.flatMap(({ created, parts: all }) =>
        all.filter(({ plaintextHash }) => plaintextHash === sha256).map(({ to }) => ({ to, created })),
      );
    },
    async unfinished() {
      const state = session.state();
      return (await unfinished.all(state)).map((one) => describeUnfinished(one, state));
    },
    async resume(number, contentOf, progress, inform) {
      const noted = await find(number);
      const before = await resumeNatively(noted, contentOf, progress, inform);
      const left = await withMailLeft(noted);
      const stopped = noted.parts.length > 0 && before.number === undefined;
      return left === undefined || stopped
        ? before
        : await parts.mail.resume(left, contentOf, before, progress, inform);
    },
    async discard(number) {
      const noted = await find(number);
      if (noted.mail !== undefined) await parts.mail.takeBack(noted.mail);
      await takeBack(noted);
      await unfinished.drop(number);
    },
  };
  return { send, sending };

  /** What of it goes natively; nobody where that is done. */
  async function resumeNatively(
    noted: Unfinished,
    contentOf: ContentOf,
    progress: OnProgress | undefined,
    inform: OnRecipients | undefined,
  ): Promise<SendResult> {
    const isSent = isNativelySent(noted, session.state());
    if (isSent || noted.parts.length === 0) {
      await parts.share.learn();
      return isSent ? sentAlready(noted) : { recipients: [] };
    }
    const now = clock.seconds();
    const ends = noted.parts.slice(noted.done).map(({ expires }) => expires ?? noted.expires);
    if (Math.min(noted.expires, ...ends) - now < times.transitMin)
      throw new BeckonError('message_gone', 'what was cut off would end within an hour');
    const wanted = {
      ...noted,
      mail: undefined,
      from: noted.from ?? session.state().address,
      parts: noted.parts.length,
    };
    const { resolved, ways } = await reach(wanted, now, inform);
    if (ways === undefined) return { recipients: resolved.map(({ report }) => report) };
    const going = await onSameRoutes(noted, ways.routes);
    return await run({ ...ways, noted: going, contentOf, progress, late: true }, resolved);
  }

  /** Without ways where nothing is to be sent. */
  async function reach(wanted: Wanted, now: number, inform: OnRecipients | undefined): Promise<Reached> {
    await parts.share.learn();
    await parts.upkeep();
    const used = usedCards(session.state());
    const found = await resolveRecipients({ network, used, now }, wanted.to);
    const usual = { now, expires: now + times.transitDefault };
    const { resolved: all, expires } = withinCards(found, wanted.expires, usual);
    await inform?.(all.map(({ report }) => report));
    const resolved = await parts.mail.choose(all, wanted.mail);
    const recipients = resolved.flatMap(({ recipient }) => recipient ?? []);
    const mails = resolved.filter(({ byMail }) => byMail !== undefined).length;
    const stopped = recipients.length + mails < resolved.length && wanted.partial !== true;
    if (stopped) return { resolved, expires };
    if (recipients.length === 0) return { resolved, expires, byMail: mails > 0 };
    const before = sentBefore(session.state(), wanted);
    const sender = senderOf(session.state(), session.keys(), before?.from ?? wanted.from, now);
    if (before !== undefined) await giveUpDrops(before, recipients);
    const routes = await routesTo(sender, recipients, { now, expires });
    await parts.share.share();
    return { resolved, expires, ways: { sender, before, routes, now }, byMail: mails > 0 };
  }

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
      routes.push(routeTo(sender, recipient, their, reply, when, random));
    }
    return routes;
  }

  async function find(number: number): Promise<Unfinished> {
    const found = (await unfinished.all(session.state())).find((one) => one.number === number);
    if (found === undefined) throw new BeckonError('not_found', 'nothing that was cut off has this number');
    return found;
  }

  /** Messages that belong together go the same way: where there is another one by now, all of it is sent anew. */
  async function onSameRoutes(noted: Unfinished, routes: readonly Route[]): Promise<Unfinished> {
    const now = routesOf(routes);
    if (String(now) === String(noted.routes)) return noted;
    const next = { ...noted, routes: now, done: 0, sent: [], composed: undefined };
    const keeps = noted.done === 0 && noted.composed === undefined;
    if (!keeps) await takeBack(noted);
    const anew = keeps ? next : { ...next, upload: undefined };
    await unfinished.save(anew);
    return anew;
  }

  /** Where it fails for good, what went out already is taken back, and what may have. */
  async function run(running: Running, resolved: readonly Resolved[]): Promise<SendResult> {
    try {
      await sendParts(running);
    } catch (error) {
      if (passing.includes(codeOf(error))) throw error;
      await takeBack(running.noted).catch(() => undefined);
      await unfinished.drop(running.noted.number);
      throw error;
    }
    const { noted } = running;
    const number = await writeDown(running);
    if (noted.mail === undefined) await unfinished.drop(noted.number);
    else await unfinished.save({ ...noted, composed: undefined, upload: undefined });
    await parts.share.tryShare();
    const recipients = resolved.map(({ report }) => withHandles(report, noted.sent));
    return { ...sentAlready(noted), number, recipients };
  }

  /** What went out and what may have; and what was uploaded counts no more, or, where the domain does not know how, for a day. */
  async function takeBack({ sent, composed, upload }: Unfinished): Promise<void> {
    for (const { handle } of coversFirst([...sent, ...(composed?.sent ?? [])]))
      await own.retract(handle).catch((error: unknown) => {
        if (codeOf(error) !== 'not_found') throw error;
      });
    const ids = [
      ...(upload === undefined ? [] : [base64urlnopad.decode(upload.id)]),
      ...(composed !== undefined && 'upload' in composed.submission ? [composed.submission.upload] : []),
    ];
    for (const id of ids) await own.abandonUpload(id).catch(() => undefined);
  }

  /** The number of what was sent. */
  async function writeDown({ noted, before, routes }: Running): Promise<number> {
    const { number, sent, created, subject, from, parents, retracts } = noted;
    if (before !== undefined) {
      await session.commit({ type: 'sent-again', number: before.number, parts: sent });
      return before.number;
    }
    await session.commit(
      {
        type: 'sent',
        number,
        sent: {
          letterIds: noted.parts.map(({ letterId }) => letterId),
          subject,
          created,
          parts: sent,
          ...(from === undefined ? {} : { from }),
          ...(parents === undefined ? {} : { parents }),
          ...(retracts === undefined ? {} : { retracts }),
        },
      },
      ...routes.map(({ recipient }) => ({ type: 'contact-known', address: recipient.address }) as const),
    );
    return number;
  }
}

function sentAlready({ number, parts, expires }: Unfinished): SendResult & { readonly number: number } {
  return { number, recipients: [], letterId: parts[0]?.letterId ?? '', expires };
}

const nothing = { length: 0, open: async function* (): AsyncGenerator<Uint8Array> {} };

function routesOf(routes: readonly Route[]): readonly string[] {
  return routes.map(({ recipientHash }) => bytesToJson(recipientHash));
}

function senderOf(state: ClientState, keys: UserKeys, from: string | undefined, now: number): Sender {
  const address = from ?? state.address;
  if (!ownAddresses(state).includes(address))
    throw new BeckonError('request_invalid', 'this is not an address of yours');
  return { address, keys, addressing: introducingKey(state, keys, now) };
}

/** Throws `not_found`, and `request_invalid` for other recipients or parts than it had. */
function sentBefore(state: ClientState, { again, to, parts }: Wanted): Sent | undefined {
  if (again === undefined) return undefined;
  const found = state.sent.find(({ number }) => number === again);
  if (found === undefined) throw new BeckonError('not_found', 'nothing was sent under this number');
  const known = new Set(found.parts.map((part) => part.to));
  const fits =
    parts === found.letterIds.length && to.length > 0 && to.every((one) => known.has(addressOf(one)));
  if (!fits)
    throw new BeckonError('request_invalid', 'what is sent again has the recipients and parts that it had');
  return found;
}

function addressOf(typed: string): string {
  return formatAddress(parseAddress(typed).address);
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
