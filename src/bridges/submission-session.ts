/**
 * One mail program at work, in the name of a user; wire-spec/bridges.md section 5.
 *
 *  1. envelope and From are the user's own address, or an alias of theirs: nobody else's
 *  2. each recipient is looked up when it is named: who cannot be written to is refused there
 *  3. the mail as the program composed it, without Bcc; to whom the same content went already it does not go again: a program that
 *     did not hear the answer hands it in once more, in another session too, while the first is still at work
 *  4. natively to who To and Cc show, as one; to each hidden one apart, as if there were no other
 *  5. by SMTP to who takes nothing else, where the user said so
 *  6. a copy for the user; then it is acknowledged
 */
import type { Client, RecipientReport } from '../client/index.ts';
import type { Clock } from '../clock.ts';
import { codeOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { mediaTypes } from '../wire/registry.ts';
import type { Headless } from './headless.ts';
import { reply, type Reply } from './smtp-reply.ts';
import { canonicalOf, readComposed, type ComposedMail } from './submission-mail.ts';

/** Mail that leaves by SMTP: on disk where it says true; false where the user refused it for one of them, or there is no way out. */
export type SendByMail = (
  client: Client,
  mail: {
    readonly from: string;
    readonly to: readonly string[];
    readonly content: readonly Uint8Array[];
    readonly length: number;
    readonly subject: string;
  },
) => Promise<boolean>;

/** A copy of what was sent, for the user. Throws where it is not on disk. */
export type KeepCopy = (mail: {
  readonly address: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly content: readonly Uint8Array[];
  /** Of the content, base64url. */
  readonly hash: string;
}) => Promise<void>;

/** One after another for what bears one name; what failed before does not count. */
export type InTurn = <T>(name: string, action: () => Promise<T>) => Promise<T>;

export function createInTurn(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return async (name, action) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(action, action);
    last.set(name, turn);
    try {
      return await turn;
    } finally {
      if (last.get(name) === turn) last.delete(name);
    }
  };
}

export interface SubmissionSessionParts {
  /** For all sessions of a daemon. */
  readonly inTurn: InTurn;
  /** undefined where the domain has no way to send mail. */
  readonly byMail?: SendByMail;
  readonly keepCopy?: KeepCopy;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SubmissionSession {
  /** Undefined: good. */
  sender(typed: string): Promise<Reply | undefined>;
  /** Undefined: taken into the envelope. */
  recipient(typed: string): Promise<Reply | undefined>;
  /** A new envelope. */
  reset(): void;
  /** 250 only for what is on disk, all of it. Never throws. */
  take(mail: { readonly recipients: readonly string[]; readonly bytes: Uint8Array }): Promise<Reply>;
  /** Once what is under way is done. */
  end(): Promise<void>;
}

/** How long the same content to the same recipient is the same mail, seconds. */
const sameFor = 3 * 86_400;

const refusals = {
  notYours: reply(550, '5.7.1 the sender is not an address of yours'),
  from: reply(550, '5.7.1 From has to be one address, of yours'),
  address: reply(550, '5.1.3 this is not an address'),
  header: reply(554, '5.6.0 the header section is larger than its limit'),
  byMailOnly: reply(
    550,
    '5.1.2 takes mail over SMTP only, and your domain sends none there without your word',
  ),
  none: reply(550, '5.1.2 this domain takes no messages'),
  unknown: reply(550, '5.1.1 nobody has this address'),
  changed: reply(550, '5.7.0 their identity changed: look at it with "beckon trust show" first'),
  waits: reply(450, '4.4.3 it took native messages before and does not say so now: try again later'),
  later: reply(450, '4.4.3 their domain cannot be asked now: try again later'),
  unavailable: reply(451, '4.3.0 it cannot be stored now: try again later'),
  full: reply(452, '4.3.1 no room for it now'),
} as const;

export function createSubmissionSession(
  { client, end }: Headless,
  { byMail, keepCopy, clock, log, inTurn }: SubmissionSessionParts,
): SubmissionSession {
  const known = new Map<string, RecipientReport>();
  const underWay = new Set<Promise<Reply>>();

  async function lookUp(address: string): Promise<RecipientReport> {
    const before = known.get(address);
    if (before !== undefined) return before;
    const [report] = await client.sending.lookUp([address]);
    const found = report ?? { to: address, outcome: 'none' as const };
    known.set(address, found);
    return found;
  }

  function isOwn(typed: string): boolean {
    const address = canonicalOf(typed);
    return address !== undefined && client.addresses().includes(address);
  }

  /** Canonical, but with its tag. */
  async function sendNatively(mail: ComposedMail, to: readonly string[]): Promise<Reply | undefined> {
    const part = {
      mediaType: mediaTypes.mail,
      length: mail.length,
      async *open() {
        yield* mail.content;
      },
    };
    const from = mail.from === client.address() || mail.from === undefined ? {} : { from: mail.from };
    try {
      const { number, recipients } = await client.send({ to, parts: [part], subject: mail.subject, ...from });
      return number === undefined ? worst(recipients) : undefined;
    } catch (error) {
      await giveUp();
      throw error;
    }
  }

  /** The program hands it in again: nothing of it is to go on by itself. */
  async function giveUp(): Promise<void> {
    for (const { number } of await client.sending.unfinished())
      await client.sending.discard(number).catch(() => undefined);
  }

  function worst(recipients: readonly RecipientReport[]): Reply {
    return (
      recipients.map((one) => refusalOf(one, byMail !== undefined)).find((one) => one !== undefined) ??
      refusals.later
    );
  }

  async function send(mail: ComposedMail, recipients: readonly string[]): Promise<Reply> {
    const since = clock.seconds() - sameFor;
    const before = (await client.sending.sentTo(mail.hash)).filter(({ created }) => created >= since);
    const had = new Set(before.map(({ to }) => to));
    const open = [...new Map(recipients.map((typed) => [canonicalOf(typed) ?? typed, typed]))];
    const left = open.filter(([address]) => !had.has(address));
    const native: string[][] = [];
    const others: string[] = [];
    const shown: string[] = [];
    for (const [address, typed] of left) {
      const { outcome } = await lookUp(address);
      if (outcome === 'legacy') others.push(typed);
      else if (mail.shown.has(address)) shown.push(typed);
      else native.push([typed]);
    }
    for (const to of shown.length > 0 ? [shown, ...native] : native) {
      const refused = await sendNatively(mail, to);
      if (refused !== undefined) return refused;
    }
    const from = mail.from ?? client.address() ?? '';
    const { content, length, subject, hash } = mail;
    const address = client.address() ?? from;
    await keepCopy?.({ address, from, to: recipients, content, hash });
    // Last: of mail over SMTP nobody knows again what was handed in before.
    if (others.length > 0) {
      const sent =
        byMail !== undefined && (await byMail(client, { from, to: others, content, length, subject }));
      if (!sent) return refusals.byMailOnly;
    }
    return reply(250, '2.6.0 sent');
  }

  async function taken({ recipients, bytes }: Parameters<SubmissionSession['take']>[0]): Promise<Reply> {
    try {
      const mail = readComposed(bytes);
      if (mail.from === undefined || !isOwn(mail.from)) return refusals.from;
      return await inTurn(`${client.address()} ${mail.hash}`, () => send(mail, recipients));
    } catch (error) {
      return failed(error, log);
    }
  }

  return {
    async sender(typed) {
      return isOwn(typed) ? undefined : refusals.notYours;
    },
    async recipient(typed) {
      const address = canonicalOf(typed);
      if (address === undefined) return refusals.address;
      return refusalOf(await lookUp(address), byMail !== undefined);
    },
    reset: () => known.clear(),
    async take(mail) {
      const taking = taken(mail);
      underWay.add(taking);
      return await taking.finally(() => underWay.delete(taking));
    },
    // A program that goes meanwhile must not take away the keys of what is half done.
    async end() {
      await Promise.allSettled(underWay);
      await end();
    },
  };
}

function refusalOf({ outcome, code, reason }: RecipientReport, mail: boolean): Reply | undefined {
  if (outcome === 'native') return code === undefined ? undefined : refusals.none;
  if (outcome === 'legacy') return mail ? undefined : refusals.byMailOnly;
  if (code === 'trust_changed') return refusals.changed;
  if (code === 'user_unknown') return refusals.unknown;
  if (outcome === 'none')
    return code === 'address_invalid' || code === 'domain_invalid' ? refusals.address : refusals.none;
  return reason === 'pinned_native' ? refusals.waits : refusals.later;
}

function failed(error: unknown, log: Log): Reply {
  const code = codeOf(error);
  if (code === 'too_large') return refusals.header;
  log.warn('mail of a mail program not taken', { code });
  return code === 'quota_exceeded' || code === 'storage_full' ? refusals.full : refusals.unavailable;
}
