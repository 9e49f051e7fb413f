/** Sending, as `send` and `reply` share it. */
import type {
  Client,
  MailSending,
  OnProgress,
  OnRecipients,
  Outgoing,
  OutgoingPart,
  SendResult,
} from '../client/api.ts';
import type { Clock } from '../clock.ts';
import { BeckonError, type ErrorCode } from '../errors.ts';
import { warnOfAlarms } from './alarms.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { looksLikeCard } from '../wire/card.ts';
import { mailAddressOf } from '../wire/mail-submission.ts';
import { composeMail, type MailDraft } from './compose-mail.ts';
import { keepDraft, tidyDrafts, writeDraft } from './drafts.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatFingerprint } from './fingerprint.ts';
import { formatTime, table } from './format.ts';
import { filePart, formatSource, isMail, subjectOfMail, textPart } from './outgoing-parts.ts';
import type { Home } from './home.ts';
import { mailSending, type MailOptions } from './mail-out.ts';
import { createProgressBar } from './progress.ts';
import { quantity } from './quantity.ts';
import { reasonInWords } from './reasons.ts';
import { safeLine } from './safe-text.ts';
import { recipientLines } from './trust-words.ts';

export interface DeliveryParts {
  readonly face: Face;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
}

export interface Delivery {
  /** As typed. */
  readonly to: readonly string[];
  /** Absolute. */
  readonly files: readonly string[];
  readonly body?: string | undefined;
  readonly subject?: string | undefined;
  /** A duration such as `14d`. */
  readonly expires?: string | undefined;
  readonly partial?: boolean | undefined;
  /** An alias, as typed. */
  readonly from?: string | undefined;
  /** Letter ids that this answers. */
  readonly parents?: readonly string[];
  /** Message-IDs that this answers. */
  readonly references?: readonly string[];
  /** For those who take mail only. */
  readonly byMail?: MailOptions;
}

/**
 * Shows what is to be known of the recipients, sends, shows progress, and gives what became of it. Throws `usage` where there is nothing to
 * send.
 */
export async function deliver(
  parts: DeliveryParts,
  client: Client,
  delivery: Delivery,
  home: Home,
): Promise<SendResult> {
  await tidyDrafts(home, client);
  await remindOfUnfinished(parts.face, client);
  const { cards, names } = await readCards(client, delivery.to);
  const words = draftOf(parts, client, { ...delivery, to: names });
  // One Message-ID, whichever way it goes: so that answers find each other.
  const id = parts.random(16);
  const letter = isWordless(delivery) ? undefined : await composeMail(words, () => id);
  const draft = letter && (await writeDraft(home, letter, parts.random));
  const text = letter && textPart(letter, draft && formatSource({ text: draft }));
  const keep = (kept: Uint8Array): Promise<string> => writeDraft(home, kept, parts.random);
  const mail = await wholeMail(parts, { ...delivery, to: names }, words, { id, keep });
  const message = { ...(await outgoing(parts, { ...delivery, to: cards }, text)), mail };
  const result = await deliverMessage(parts, client, message);
  if (draft !== undefined && result.number !== undefined) await keepDraft(home, draft, result.number);
  await tidyDrafts(home, client);
  return result;
}

async function remindOfUnfinished(face: Face, client: Client): Promise<void> {
  for (const number of await numbersCutOff(client))
    face.note(`note    ${number} was cut off: beckon send --resume ${number}, or --discard ${number}`);
}

/** Cards are fetched once: as recipients whole, and in a letter as the addresses in them. */
async function readCards(
  client: Client,
  to: readonly string[],
): Promise<{ readonly cards: readonly string[]; readonly names: readonly string[] }> {
  const read = await Promise.all(
    to.map(async (typed) => {
      if (!looksLikeCard(typed)) return { whole: typed, address: typed };
      return await client.cards.read(typed);
    }),
  );
  return { cards: read.map(({ whole }) => whole), names: read.map(({ address }) => address) };
}

/** As `deliver`, for what is a message already. */
export async function deliverMessage(
  parts: DeliveryParts,
  client: Client,
  message: Outgoing,
): Promise<SendResult> {
  return await sendShown(parts, client, (progress, before) => client.send(message, progress, before));
}

/** Shows recipients and progress; of what is cut off it says how it goes on. */
export async function sendShown(
  { face }: DeliveryParts,
  client: Client,
  send: (progress: OnProgress, before: OnRecipients) => Promise<SendResult>,
  resumed?: number,
): Promise<SendResult> {
  const others = (await numbersCutOff(client)).filter((number) => number !== resumed);
  const cutOff = async (): Promise<number | undefined> =>
    (await numbersCutOff(client)).find((number) => !others.includes(number));
  const bar = createProgressBar(face, 'sending');
  try {
    const result = await send(bar.show, (recipients) => showRecipients(face, recipients, client));
    await acknowledge(client, result);
    warnOfAlarms(face, client.alarms());
    const kept = await cutOff();
    if (kept !== undefined) face.note(`note    the mail is not at your domain yet: ${adviceFor(kept)}`);
    return result;
  } catch (error) {
    const kept = await cutOff();
    if (kept === undefined || !(error instanceof BeckonError) || error instanceof AdvisedError) throw error;
    throw new AdvisedError(error.code, error.message, adviceFor(kept), { cause: error });
  } finally {
    bar.end();
  }
}

function adviceFor(number: number): string {
  return `beckon send --resume ${number} goes on with it, --discard ${number} drops it`;
}

async function numbersCutOff(client: Client): Promise<readonly number[]> {
  return (await client.sending.unfinished()).map(({ number }) => number);
}

/** To oneself nothing needs to be said. */
function showRecipients(face: Face, recipients: SendResult['recipients'], client: Client): void {
  const [own, ignored] = [client.address(), client.ignoredSenders()];
  for (const { to, address = to, known } of recipients) {
    if (known === undefined || address === own) continue;
    for (const line of recipientLines(address, known)) face.note(`note    ${line}`);
    if (ignored.includes(address))
      face.note(`note    ${safeLine(address)}: you ignore them, and would not see an answer`);
  }
}

/** What was shown is seen. */
async function acknowledge(client: Client, { recipients }: SendResult): Promise<void> {
  for (const { address, known } of recipients)
    if (address !== undefined && known && known.notices.length + known.domainNotices.length > 0)
      await client.trust.acknowledge(address);
}

async function outgoing(
  parts: DeliveryParts,
  delivery: Delivery,
  text: OutgoingPart | undefined,
): Promise<Outgoing> {
  const { to, files, subject, expires, partial = false, parents, from } = delivery;
  const attached = await Promise.all(files.map(filePart));
  return {
    to,
    parts: text === undefined ? attached : [text, ...attached],
    subject: subject ?? (await subjectOf(files)),
    ...(expires === undefined ? {} : { expires: parts.clock.seconds() + quantity.duration(expires) }),
    partial,
    ...(from === undefined ? {} : { from: canonicalAddress(from) }),
    ...(parents === undefined ? {} : { parents }),
  };
}

/** What a person writes. Throws `usage` where there is nothing to send. */
function draftOf(
  { clock }: DeliveryParts,
  client: Client,
  { to, files, body, subject, references, from: alias }: Delivery,
): MailDraft {
  const from = alias === undefined ? client.address() : canonicalAddress(alias);
  if (from === undefined) throw new BeckonError('unauthorized', 'nobody is enrolled here');
  if (isWordless({ body, subject }) && files.length === 0)
    throw misused('nothing to send', 'give a file, --body TEXT, or a text on standard input');
  const draft = { from, to, subject: subject ?? '', text: body ?? '', date: clock.seconds() };
  return { ...draft, ...(references && { references }) };
}

/** Files say everything. */
function isWordless({ body, subject }: Pick<Delivery, 'body' | 'subject'>): boolean {
  return body === undefined && subject === undefined;
}

/** For whoever takes mail only: all in one. */
async function wholeMail(
  { face, random }: DeliveryParts,
  { to, files, subject, byMail = {} }: Delivery,
  draft: MailDraft,
  { id, keep }: { readonly id: Uint8Array; readonly keep: (text: Uint8Array) => Promise<string> },
): Promise<MailSending> {
  const named = { ...draft, to: to.map(mailName), subject: subject ?? (await subjectOf(files)) };
  return mailSending(face, { draft: named, files, id, random }, byMail, keep);
}

/** As mail has it, where mail can have it. */
function mailName(address: string): string {
  try {
    return mailAddressOf(address);
  } catch {
    return address;
  }
}

/** Throws `address_invalid`. */
function canonicalAddress(typed: string): string {
  return formatAddress(parseAddress(typed).address);
}

/** What the list of sent messages calls it where the user gave no subject. */
async function subjectOf(files: readonly string[]): Promise<string> {
  const [first] = files;
  if (first === undefined) return '';
  const own = isMail(first) ? await subjectOfMail(first) : undefined;
  return own ?? first.slice(first.lastIndexOf('/') + 1);
}

/** Prints what became of it for each recipient. Throws why, where nothing was sent; warns where some were left out. */
export function showDelivery(
  face: Face,
  result: SendResult,
  json: boolean | undefined,
  otherwise = 'leave them out, or --partial to send to the others',
): void {
  if (json) face.printJson(result);
  else for (const line of deliveryLines(result)) face.print(line);
  const failures = result.recipients.filter(({ handles }) => handles === undefined);
  if (failures.length === 0) return;
  const codes = [...new Set(failures.flatMap(({ code = [] }) => code))];
  if (result.number !== undefined) return face.warn(`some were not sent to [${codes.join(', ')}]`);
  throw new AdvisedError(
    (codes[0] ?? 'unavailable') as ErrorCode,
    'nothing was sent',
    failures.some(({ outcome }) => outcome === 'native') ? otherwise : 'the reasons are above',
  );
}

function deliveryLines({ number, recipients, expires }: SendResult): string[] {
  const rows = recipients.map(({ to, address = to, way, handles, outcome, code, reason }) =>
    handles === undefined
      ? [
          safeLine(address),
          'not sent',
          safeLine(
            `${reason === undefined ? outcomes[outcome] : reasonInWords(reason)}${code === undefined ? '' : ` [${code}]`}`,
          ),
        ]
      : [safeLine(address), way ?? '', `trace ${handles[0] ?? ''}`],
  );
  const until = expires === undefined ? '' : `, waits until ${formatTime(expires)}`;
  return [
    ...table(rows),
    ...recipients.flatMap(wordsToType),
    ...(number === undefined ? [] : [`sent as ${number}${until}`]),
  ];
}

/** How the user gives the word that a recipient waits for. */
function wordsToType({ to, address = to, changed, reason }: SendResult['recipients'][number]): string[] {
  const name = safeLine(address);
  if (reason === 'pinned_native')
    return [`if mail in clear text will do: beckon trust accept --mail ${name}`];
  if (changed === undefined) return [];
  const who = changed.of === 'user' ? name : name.slice(name.lastIndexOf('@') + 1);
  return [
    `look, and compare: beckon trust show ${name}`,
    `then: beckon trust accept ${who} ${formatFingerprint(changed.offered.whole)}`,
  ];
}

const outcomes = {
  native: 'left out because of the others',
  legacy: 'this address takes mail only',
  later: 'cannot be found out now',
  none: 'nobody takes messages there',
  unknown: 'no such user',
  changed: 'another identity than before: compare fingerprints first',
} as const;
