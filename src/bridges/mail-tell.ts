/** Telling senders what becomes of their mail: reports as native messages of the bridge user. wire-spec/bridges.md section 3. */
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import { traceHandleText } from '../keys/fingerprints.ts';
import {
  allTold,
  type MailQueueStore,
  type QueuedMail,
  type QueuedRecipient,
} from '../store/api/mail-queue.ts';
import type { Owner } from '../store/api/terms.ts';
import { mailNotify, type MailSubmission } from '../wire/mail-submission.ts';
import { mailKinds } from '../wire/registry.ts';
import type { Deliver } from './deliver-api.ts';
import { composeReport, type ReportKind } from './mail-report.ts';
import { delayAfter, mailGap, mailLife } from './mail-schedule.ts';
import type { MailOutcome } from './transport.ts';

export interface TellParts {
  readonly queue: Pick<MailQueueStore, 'note'>;
  readonly deliver: Deliver;
  /** Address of the bridge user of a domain; undefined where it has none. */
  readonly bridgeAddress: (domain: string) => string | undefined;
  /** Where a user is told of mail whose sealed part cannot be opened any more; undefined where they are gone. */
  readonly addressOf: (owner: Owner) => Promise<string | undefined>;
  readonly host: string;
  readonly clock: Clock;
  readonly draw: () => number;
}

export interface Tell {
  /** Who said what in a try: for the report that follows, in memory only. */
  remember(mail: QueuedMail, outcomes: ReadonlyMap<number, MailOutcome>): void;
  /** Sends the reports that are due, and writes down that the sender knows. `header`: of the mail, read where it is needed. */
  tell(
    mail: QueuedMail,
    submission: MailSubmission | undefined,
    header: () => Promise<Uint8Array>,
  ): Promise<void>;
}

/** Mails whose last outcomes are remembered. */
const maxRemembered = 1000;

export function createTell(parts: TellParts): Tell {
  const { queue, clock, draw } = parts;
  const said = new Map<string, ReadonlyMap<number, MailOutcome>>();
  const nameOf = ({ owner, id }: QueuedMail): string =>
    `${owner.domain} ${Buffer.from(owner.user).toString('latin1')} ${traceHandleText(id)}`;

  async function send(
    mail: QueuedMail,
    submission: MailSubmission | undefined,
    group: { readonly kind: ReportKind; readonly indexes: readonly number[] },
    header: Uint8Array,
  ): Promise<boolean> {
    const from = parts.bridgeAddress(mail.owner.domain);
    // A domain whose bridge was switched off meanwhile has nobody to tell it.
    if (from === undefined) return true;
    const { kind, indexes } = group;
    const now = clock.seconds();
    const last = said.get(nameOf(mail));
    const once = onceOf(mail, group);
    const to = submission?.reversePath ?? (await parts.addressOf(mail.owner));
    if (to === undefined) return true;
    const content = await composeReport({
      kind,
      from,
      to,
      host: parts.host,
      handle: traceHandleText(mail.id),
      created: mail.created,
      recipients: indexes.map((index) => ({
        ...last?.get(index),
        address: submission?.recipients[index],
        place: index + 1,
        status: mail.recipients[index]?.code ?? '4.0.0',
      })),
      ...(kind === 'delayed' ? { until: mail.since + mailLife } : {}),
      header,
      now,
      messageId: `${Buffer.from(once.subarray(0, 16)).toString('base64url')}@${mail.owner.domain}`,
    });
    const about = {
      kind: mailKinds.report,
      reversePath: '',
      recipient: to,
      received: now,
      from,
      reference: mail.id,
    };
    const [delivered] = await parts.deliver({
      from: mail.owner.domain,
      to: [{ address: to, mail: about, once }],
      content: [content],
    });
    return delivered?.outcome !== 'later';
  }

  return {
    remember(mail, outcomes) {
      const name = nameOf(mail);
      said.delete(name);
      said.set(name, outcomes);
      const [oldest] = said.keys();
      if (said.size > maxRemembered && oldest !== undefined) said.delete(oldest);
    },

    async tell(mail, submission, header) {
      const now = clock.seconds();
      for (const kind of ['failed', 'delivered', 'delayed'] as const) {
        const indexes = mail.recipients.flatMap((recipient, index) =>
          kindOf(recipient, mail, now) === kind ? [index] : [],
        );
        if (indexes.length === 0) continue;
        // Where nobody knows any more what was wished for, only what failed is told.
        const wanted =
          submission === undefined ? kind === 'failed' : (submission.notify & mailNotify[bits[kind]]) !== 0;
        const done = !wanted || (await send(mail, submission, { kind, indexes }, await header()));
        const change = done
          ? { told: kind === 'delayed' ? mailNotify.delay : allTold }
          : { next: now + mailGap(1, draw) };
        await queue.note(mail.owner, mail.id, new Map(indexes.map((index) => [index, change])), now);
      }
      if (mail.recipients.every(({ state }) => state !== 'queued')) said.delete(nameOf(mail));
    },
  };
}

const bits = { failed: 'failure', delivered: 'success', delayed: 'delay' } as const;

/** What is to be said of a recipient now. */
function kindOf(
  { state, told, attempts, next }: QueuedRecipient,
  { since }: QueuedMail,
  now: number,
): ReportKind | undefined {
  if (state === 'queued')
    return told < mailNotify.delay && attempts > 0 && now - since >= delayAfter ? 'delayed' : undefined;
  if (told >= allTold || state === 'dropped' || next > now) return undefined;
  return state;
}

/** The same for the same report: one that was stored before a crash is not sent again. */
function onceOf(
  { owner, id, since, recipients }: QueuedMail,
  { kind, indexes }: { readonly kind: ReportKind; readonly indexes: readonly number[] },
): Uint8Array {
  const codes = indexes.map((index) => `${index}:${recipients[index]?.code ?? ''}`).join(' ');
  return sha256(owner.user, id, new TextEncoder().encode(`${owner.domain} ${since} ${kind} ${codes}`));
}
