/**
 * Mail on its way out of the queue, wire-spec/bridges.md section 3.
 *
 *  1. wait     for the next mail that something is to be done with, or for a new one
 *  2. open     its sealed part: who it is for is known in memory from here on, and nowhere else
 *  3. mark     who is due, with the time of the next try: before anything is done, so that nothing is tried twice at once
 *  4. check    the whole payload against its hashes, and its header: whose it is, and that it does not go round
 *  5. refuse   who is native, or not there: clear text goes to legacy domains only
 *  6. carry    by route, so many at once, none to a route that just failed as a whole
 *  7. note     what became of each
 *  8. tell     the sender: what failed, what waits for long, what was handed over where that was asked for
 */
import type { Clock } from '../clock.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf, reasonOf } from '../errors.ts';
import { traceHandleText } from '../keys/fingerprints.ts';
import type { Log } from '../log.ts';
import { openMail } from '../message/mail-submission.ts';
import { decryptPayload } from '../message/payload.ts';
import type { Metrics } from '../metrics.ts';
import type { BlobStore } from '../store/api/blobs.ts';
import { type MailQueueStore, type QueuedMail, type QueuedRecipient } from '../store/api/mail-queue.ts';
import type { Owner } from '../store/api/terms.ts';
import type { MailSubmission } from '../wire/mail-submission.ts';
import { checkMail, type CheckedMail, type MailFault } from './mail-check.ts';
import { mailDate, markOf } from './mail-mapping.ts';
import type { RefuseRecipient } from './clear-text.ts';
import type { Routes } from './mail-routes.ts';
import { mailGap, mailLife } from './mail-schedule.ts';
import type { Tell } from './mail-tell.ts';
import { sleepUntil } from './mail-wait.ts';
import type { MailOutcome } from './transport.ts';

export interface MailOutParts {
  readonly queue: MailQueueStore;
  readonly blobs: Pick<BlobStore, 'read'>;
  /** The private bridge key of a domain. Throws `key_unknown`, `key_not_active`. */
  readonly bridgeKey: (domain: string, keyId: Uint8Array) => Secret;
  /** The canonical addresses that a user may write from; none where the user is gone. */
  readonly ownAddresses: (owner: Owner) => Promise<readonly string[]>;
  readonly refuse: RefuseRecipient;
  readonly routes: Routes;
  readonly tell: Tell;
  /** The name of this machine. */
  readonly host: string;
  readonly clock: Clock;
  /** Uniform in [0, 1): for jitter. */
  readonly draw: () => number;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface MailOut {
  /** Runs until the signal aborts; resolves when nothing is under way any more. */
  run(signal: AbortSignal): Promise<void>;
  /** Does all that is due now; how many mails that were. What `run` does each time it wakes. */
  turn(): Promise<number>;
}

/** Mails that are worked on at once: each waits for servers most of the time. */
const parallel = 32;

export function createMailOut(parts: MailOutParts): MailOut {
  const { queue, clock, log } = parts;
  /** What is being worked on: a slow server holds up nothing else, and nothing is taken twice. */
  const active = new Map<string, Promise<void>>();

  /** Begins with what is due, as far as there is room; how many that were. */
  async function begin(): Promise<number> {
    const due = await queue.due(clock.seconds(), parallel + active.size);
    const fresh = due.filter((mail) => !active.has(nameOf(mail))).slice(0, parallel - active.size);
    for (const mail of fresh) {
      const name = nameOf(mail);
      active.set(
        name,
        work(parts, mail).finally(() => active.delete(name)),
      );
    }
    return fresh.length;
  }

  async function turn(): Promise<number> {
    let taken = 0;
    for (let begun = await begin(); begun > 0 || active.size > 0; begun = await begin()) {
      taken += begun;
      await Promise.race(active.values());
    }
    return taken;
  }

  /** Until something is to be done, or there is room for it. */
  async function wait(signal: AbortSignal): Promise<void> {
    if (active.size >= parallel) return await Promise.race(active.values());
    const next = await queue.nextDue();
    const seconds = next === undefined ? undefined : next - clock.seconds();
    // What is due and is being worked on still is not waited for by turning round.
    await sleepUntil(seconds === undefined || seconds > 0 ? seconds : 1, queue, signal);
  }

  return {
    turn,
    async run(signal) {
      while (!signal.aborted) {
        try {
          if ((await begin()) === 0 || active.size >= parallel) await wait(signal);
        } catch (error) {
          log.error('mail could not be sent', { code: codeOf(error), reason: reasonOf(error) });
          await sleepUntil(1, queue, signal);
        }
      }
      await Promise.allSettled(active.values());
    },
  };
}

function nameOf({ owner, id }: QueuedMail): string {
  return `${owner.domain} ${Buffer.from(owner.user).toString('latin1')} ${traceHandleText(id)}`;
}

/** What is known of a mail in memory, while it is worked on. */
interface Open {
  readonly queued: QueuedMail;
  readonly submission: MailSubmission;
  readonly handle: string;
}

/** One that cannot be worked on now comes up again: the others must not wait for it. */
async function work(parts: MailOutParts, queued: QueuedMail): Promise<void> {
  const { queue, clock, draw, log } = parts;
  try {
    const { mail, due } = await mark(parts, queued);
    if (mail !== undefined && due.length > 0) await attempt(parts, mail, due);
    await report(parts, queued);
  } catch (error) {
    log.warn('a mail could not be worked on', { code: codeOf(error), reason: reasonOf(error) });
    const next = clock.seconds() + mailGap(1, draw);
    const all = queued.recipients.map((_, index) => [index, { next }] as const);
    // Where even that fails, the disk did, and the process ends.
    await queue.note(queued.owner, queued.id, new Map(all), clock.seconds()).catch(() => undefined);
  }
}

/** Writes the next try down before this one begins; who is past the end of it fails now. */
async function mark(
  { queue, clock, draw }: MailOutParts,
  { owner, id, since, recipients }: QueuedMail,
): Promise<{ readonly mail: QueuedMail | undefined; readonly due: readonly number[] }> {
  const now = clock.seconds();
  const isOver = now - since >= mailLife;
  const changes = new Map<number, Partial<QueuedRecipient>>();
  recipients.forEach(({ state, next, attempts }, index) => {
    if (state !== 'queued' || next > now) return;
    if (isOver) changes.set(index, { state: 'failed', code: '4.4.7', next: now });
    else changes.set(index, { attempts: attempts + 1, next: now + mailGap(attempts + 1, draw) });
  });
  const mail = await queue.note(owner, id, changes, now);
  const isQueued = (at: number): boolean => mail?.recipients[at]?.state === 'queued';
  return { mail, due: [...changes.keys()].filter(isQueued) };
}

/** One try for those who are due. What each server said is noted at once: a mail that is not noted is sent again after a crash. */
async function attempt(parts: MailOutParts, queued: QueuedMail, due: readonly number[]): Promise<void> {
  const known = new Map<number, MailOutcome>();
  await carry(parts, queued, due, async (outcomes) => {
    const now = parts.clock.seconds();
    const changes = new Map<number, Partial<QueuedRecipient>>();
    for (const [index, outcome] of outcomes) {
      const { kind, status, notBefore } = outcome;
      known.set(index, outcome);
      parts.metrics.mailOut.inc({ outcome: kind });
      const next = queued.recipients[index]?.next ?? now;
      if (kind === 'later') changes.set(index, { code: status, next: Math.max(next, notBefore ?? 0) });
      else changes.set(index, { state: kind === 'sent' ? 'delivered' : 'failed', code: status, next: now });
    }
    parts.tell.remember(queued, known);
    await parts.queue.note(queued.owner, queued.id, changes, now);
  });
}

type Outcomes = ReadonlyMap<number, MailOutcome & { readonly notBefore?: number }>;

/** `ended`: as of `Routes.carry`. */
async function carry(
  parts: MailOutParts,
  queued: QueuedMail,
  due: readonly number[],
  ended: (outcomes: Outcomes) => Promise<void>,
): Promise<void> {
  const alike = (outcome: MailOutcome): Outcomes => new Map(due.map((index) => [index, outcome]));
  const opened = open(parts, queued);
  if (typeof opened === 'string')
    return await ended(new Map(due.map((index) => [index, unopened(queued, index)])));
  const checked = await checkContent(parts, opened);
  if (typeof checked === 'string') return await ended(alike({ kind: 'failed', status: checked }));
  const refused = new Map<number, MailOutcome>();
  const allowed: [number, string][] = [];
  await Promise.all(
    due.map(async (index) => {
      const recipient = opened.submission.recipients[index] ?? '';
      const refusal = await parts.refuse(recipient);
      if (refusal === undefined) allowed.push([index, recipient]);
      else refused.set(index, refusal);
    }),
  );
  if (refused.size > 0) await ended(refused);
  const job = { from: opened.submission.reversePath, open: () => outgoing(parts, opened) };
  await parts.routes.carry(allowed, job, ended);
}

/** Keys change while mail waits, and then it is sealed to the next one: only what is still shut at the next try fails. */
function unopened({ recipients }: QueuedMail, index: number): MailOutcome {
  return recipients[index]?.code === '4.7.0'
    ? { kind: 'failed', status: '5.7.0' }
    : { kind: 'later', status: '4.7.0' };
}

/** 5.7.0: the key that it was sealed to is gone, or it was never what its client said. */
function open({ bridgeKey }: MailOutParts, queued: QueuedMail): Open | '5.7.0' {
  const { owner, keyId, content, recipients, id } = queued;
  try {
    const seed = bridgeKey(owner.domain, keyId);
    if (content === undefined) return '5.7.0';
    const submission = openMail(content.sealed, seed, { domain: owner.domain, keyId });
    if (submission.recipients.length !== recipients.length) return '5.7.0';
    return { queued, submission, handle: traceHandleText(id) };
  } catch (error) {
    if (error instanceof BeckonError) return '5.7.0';
    throw error;
  }
}

/** All of the payload is read once before any of it leaves: what broke off in the middle would be another mail. */
async function checkContent(parts: MailOutParts, opened: Open): Promise<CheckedMail | MailFault> {
  const own = await parts.ownAddresses(opened.queued.owner);
  if (!own.includes(opened.submission.reversePath)) return '5.7.1';
  try {
    return await checkMail(plaintext(parts, opened), own, parts.host);
  } catch (error) {
    if (error instanceof BeckonError && broken.includes(error.code)) return '5.6.0';
    throw error;
  }
}

const broken: readonly string[] = [
  'commitment_mismatch',
  'open_failed',
  'payload_truncated',
  'payload_mismatch',
];

function plaintext({ blobs }: MailOutParts, { queued, submission }: Open): AsyncIterable<Uint8Array> {
  const { content, hash, size } = queued;
  if (content === undefined) throw new BeckonError('message_gone', 'the mail is not there any more');
  const { contentKey, plaintextHash, plaintextLength } = submission;
  const expected = { plaintextHash, plaintextLength, payloadHash: hash };
  return decryptPayload(new Secret(contentKey), blobs.read(content.blob, 0, size), expected);
}

/** What goes over the wire: the mail below a trace of ours, which names no client. */
async function* outgoing(parts: MailOutParts, opened: Open): AsyncGenerator<Uint8Array> {
  const { host } = parts;
  const { handle, queued } = opened;
  yield new TextEncoder().encode(
    `Received: ${markOf(host)} with BECKON id ${handle};\r\n ${mailDate(queued.created)}\r\n`,
  );
  yield* plaintext(parts, opened);
}

/** What the sender has not been told yet of this mail. */
async function report(parts: MailOutParts, before: QueuedMail): Promise<void> {
  const queued = await parts.queue.get(before.owner, before.id);
  if (queued === undefined || queued.ended !== undefined) return;
  const opened = open(parts, queued);
  const submission = typeof opened === 'string' ? undefined : opened.submission;
  const header = async (): Promise<Uint8Array> => {
    const checked = typeof opened === 'string' ? '5.6.0' : await checkContent(parts, opened);
    return typeof checked === 'string' ? new Uint8Array() : checked.header;
  };
  await parts.tell.tell(queued, submission, header);
}
