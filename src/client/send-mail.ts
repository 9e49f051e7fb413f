/**
 * Writing to those who take mail only, wire-spec/bridges.md section 3: in clear text, on the user's word.
 *
 *  1. for each domain there is a word: remembered, or asked for now; a refusal that is remembered ends it
 *  2. the own domain has a bridge, and its key
 *  3. the message is composed as one mail for all of them, encrypted and uploaded as any payload; that is noted, and its handle, so that it goes
 *     on after a crash and leaves once
 *  4. once the domain has it, it is written down
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { traceHandleText } from '../keys/fingerprints.ts';
import { base64urlnopad } from '@scure/base';
import { bytesToJson } from '../keys/key-file.ts';
import { usableKey, type PublishedKey } from '../keys/published-key.ts';
import { sealMail } from '../message/mail-submission.ts';
import { encryptPayload, payloadSize } from '../message/payload.ts';
import { splitAddress } from '../wire/address.ts';
import { mailNotify } from '../wire/mail-submission.ts';
import { counts, mediaTypes, sizes } from '../wire/registry.ts';
import type { ClientNetwork } from './api.ts';
import { withBridge } from './mail.ts';
import type { OwnDomain } from './own-domain.ts';
import { usedCards, type CardNetwork } from './read-card.ts';
import { resolveRecipients, type Resolved } from './recipients.ts';
import type {
  ContentOf,
  MailSending,
  MailWord,
  OnProgress,
  OnRecipients,
  RecipientReport,
  SendResult,
} from './send-api.ts';
import type { Share } from './share.ts';
import type { SentMail } from './state.ts';
import type { Session } from './store.ts';
import type { NotedMail, Unfinished, UnfinishedStore } from './unfinished.ts';
import { uploadPayload } from './upload.ts';

/** What says nothing of whether a request came through, and what stops it only for now. */
const passing: readonly ErrorCode[] = [
  'storage_failed',
  // A content that is not where it was.
  'usage',
  'message_gone',
  'network_failed',
  'unavailable',
  'rate_limited',
  'tls_failed',
  'discovery_later',
];
const tries = 3;

export interface SendMailParts {
  readonly session: Session;
  readonly unfinished: Pick<UnfinishedStore, 'save' | 'drop'>;
  readonly network: CardNetwork & { readonly domains: Pick<ClientNetwork['domains'], 'domain'> };
  readonly own: Pick<
    OwnDomain,
    | 'openUpload'
    | 'uploadProgress'
    | 'writePart'
    | 'abandonUpload'
    | 'submitMail'
    | 'mail'
    | 'findMail'
    | 'dropMail'
  >;
  readonly share: Pick<Share, 'tryShare'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<void>;
  readonly partBytes?: number;
}

export interface SendMail {
  /** Who of those who take mail only is written to: `byMail` then; the reports of the others say why not. */
  choose(resolved: readonly Resolved[], mail: MailSending | undefined): Promise<readonly Resolved[]>;
  /**
   * Sends to those chosen, beside what went out natively (`result`). What fails is in the reports where something went out before; else it is
   * thrown. What may pass by itself stays noted.
   */
  send(
    noted: WithMail,
    compose: MailSending['compose'],
    chosen: readonly Resolved[],
    result: SendResult,
    progress?: OnProgress,
  ): Promise<SendResult>;
  /** The same of what was cut off: to those of its recipients who still take mail only; nothing of it leaves twice. Throws as `send`. */
  resume(
    noted: WithMail,
    contentOf: ContentOf,
    result: SendResult,
    progress?: OnProgress,
    inform?: OnRecipients,
  ): Promise<SendResult>;
  /** What of it is still queued at the domain leaves no more. Throws network codes. */
  takeBack(mail: NotedMail): Promise<void>;
}

export type WithMail = Unfinished & { readonly mail: NotedMail };

export function createSendMail(parts: SendMailParts): SendMail {
  const { session, unfinished, network, own, share, clock, random } = parts;

  /** The domain's bridge key; undefined where no mail leaves from there. */
  async function bridgeKey(): Promise<PublishedKey | undefined> {
    const { domain } = splitAddress(session.state().address);
    const peer = await withBridge(network.domains, domain);
    if (peer.kind !== 'native')
      throw new BeckonError('discovery_later', 'your own domain cannot be asked now');
    try {
      const key = usableKey(peer.record, 'bridge', clock.seconds());
      await own.mail();
      return key;
    } catch (error) {
      if (codeOf(error) === 'key_not_active' || codeOf(error) === 'unsupported') return undefined;
      throw error;
    }
  }

  /** Asks for the words that are missing; those for good are remembered. */
  async function wordsFor(
    domains: readonly string[],
    mail: MailSending,
  ): Promise<Readonly<Record<string, MailWord>>> {
    const known = session.state().mail ?? {};
    const open = domains.filter((domain) => (known[domain]?.word ?? 'ask') === 'ask');
    const asked = open.length === 0 ? {} : await mail.ask(open);
    const at = clock.seconds();
    const forGood = Object.entries(asked).flatMap(([domain, word]) =>
      word === 'allow' || word === 'refuse' ? [{ type: 'mail-word', domain, word, at } as const] : [],
    );
    if (forGood.length > 0) await session.commit(...forGood);
    const words = domains.map((domain) => [domain, asked[domain] ?? wordOf(known[domain]?.word)] as const);
    return Object.fromEntries(words);
  }

  async function choose(
    resolved: readonly Resolved[],
    mail: MailSending | undefined,
  ): Promise<readonly Resolved[]> {
    const legacy = resolved.filter(({ mailAddress }) => mailAddress !== undefined);
    if (legacy.length === 0 || mail === undefined) return resolved;
    if (legacy.length > counts.mailRecipients)
      throw new BeckonError('request_invalid', 'one mail goes to 100 recipients at most');
    if ((await bridgeKey()) === undefined) return resolved.map((one) => refused(one, 'no_bridge'));
    // Of an address that was native the user gave the word already.
    const open = legacy.filter(({ report }) => report.reason !== 'accepted');
    const words = await wordsFor([...new Set(open.map(domainOf))], mail);
    return resolved.map((one) => {
      const word = open.includes(one) ? words[domainOf(one)] : 'now';
      if (word === 'refuse') return refused(one, 'mail_refused');
      if (word === 'no' || word === undefined) return refused(one, 'mail_asked');
      return one.mailAddress === undefined ? one : { ...one, byMail: one.mailAddress };
    });
  }

  /** Uploads it under a key of its own and has it leave: noted before each step, written down after the last. */
  async function submit(
    noted: WithMail,
    compose: MailSending['compose'],
    to: readonly string[],
    progress: OnProgress | undefined,
  ): Promise<SentMail> {
    const key = await bridgeKey();
    if (key === undefined) throw new BeckonError('unsupported', 'your domain sends no mail over SMTP');
    const part = await compose();
    const contentKey = random(32);
    const { stream, result } = encryptPayload(new Secret(contentKey), part.open(), part.length, random);
    const upload = random(16);
    const size = payloadSize(part.length);
    const { sent: _, ...before } = noted.mail;
    const underWay = { ...before, to, upload: bytesToJson(upload) };
    await unfinished.save({ ...noted, mail: underWay });
    await uploadPayload(own, {
      id: upload,
      size,
      stream,
      wait: parts.wait,
      progress: (done) => progress?.({ part: 0, parts: 1, done, total: size }),
      ...(parts.partBytes === undefined ? {} : { partBytes: parts.partBytes }),
    });
    const { plaintextHash, plaintextLength, payloadHash } = result();
    const { domain } = splitAddress(session.state().address);
    const id = random(sizes.traceHandle);
    const now = clock.seconds();
    const sealed = sealMail(
      {
        contentKey,
        reversePath: noted.from ?? session.state().address,
        recipients: to,
        plaintextHash,
        plaintextLength,
        created: now,
        notify: mailNotify.delay | mailNotify.failure | (before.success === true ? mailNotify.success : 0),
      },
      key.key,
      { domain, keyId: key.id },
      random,
    );
    const sent = {
      handle: traceHandleText(id),
      to,
      plaintextHash: bytesToJson(plaintextHash),
      length: plaintextLength,
      created: now,
    };
    await unfinished.save({ ...noted, mail: { ...underWay, sent } });
    await handOver({ id, upload, payloadHash, keyId: key.id, sealed });
    await writeDown(noted, sent);
    return sent;
  }

  /** Again with the same id where nobody knows whether it came. */
  async function handOver(mail: Parameters<OwnDomain['submitMail']>[0]): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        await own.submitMail(mail);
        return;
      } catch (error) {
        if (!passing.includes(codeOf(error)) || failures === tries - 1) throw error;
        await parts.wait(500 * 2 ** failures);
      }
    }
  }

  /** Under the number of what went out natively, or as a message of its own. */
  async function writeDown({ number, subject, from, parents }: WithMail, mail: SentMail): Promise<void> {
    const isKnown = session.state().sent.some((sent) => sent.number === number);
    const whole = {
      letterIds: [bytesToJson(random(sizes.letterId))],
      subject,
      created: mail.created,
      parts: [],
      ...(from === undefined ? {} : { from }),
      ...(parents === undefined ? {} : { parents }),
    };
    await session.commit(...(isKnown ? [] : [{ type: 'sent', number, sent: whole } as const]), {
      type: 'mail-sent',
      number,
      mail,
    });
    await unfinished.drop(number);
  }

  /** Whether the domain has it, though nobody here was told. If not, it never will: what was uploaded for it is given up first. */
  async function isThere({ upload, sent }: NotedMail): Promise<boolean> {
    if (upload !== undefined)
      await own.abandonUpload(base64urlnopad.decode(upload)).catch((error: unknown) => {
        if (passing.includes(codeOf(error))) throw error;
      });
    if (sent === undefined) return false;
    return await own.findMail(sent.handle).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'not_found') return false;
        throw error;
      },
    );
  }

  const send: SendMail['send'] = async (noted, compose, chosen, result, progress) => {
    const to = chosen.flatMap(({ byMail }) => byMail ?? []);
    try {
      const sent = await submit(noted, compose, to, progress);
      return withReports(told(result, noted.number), chosen, (report) => mailed(report, sent));
    } catch (error) {
      if (!passing.includes(codeOf(error))) await unfinished.drop(noted.number);
      if (result.number === undefined) throw error;
      const code = codeOf(error);
      const reason = error instanceof BeckonError ? error.message : 'the mail could not be handed over';
      return withReports(result, chosen, (report) => ({ ...report, code, reason }));
    } finally {
      await share.tryShare();
    }
  };

  function told(result: SendResult, number: number): SendResult {
    const letterId = session.state().sent.find((sent) => sent.number === number)?.letterIds[0];
    return { number, ...(letterId === undefined ? {} : { letterId }), ...result };
  }

  return {
    choose,
    send,
    async resume(noted, contentOf, result, progress, inform) {
      const { mail } = noted;
      const find = { network, used: usedCards(session.state()), now: clock.seconds() };
      const found = await resolveRecipients(find, mail.to);
      const whole = { ...result, recipients: [...result.recipients, ...found.map(({ report }) => report)] };
      const { sent } = mail;
      if ((await isThere(mail)) && sent !== undefined) {
        await writeDown(noted, sent);
        await share.tryShare();
        const all = found.map((one, at) => ({ ...one, byMail: sent.to[at] ?? one.typed }));
        return withReports(told(whole, noted.number), all, (report) => mailed(report, sent));
      }
      await inform?.(found.map(({ report }) => report));
      const compose = async () =>
        contentOf({ mediaType: mediaTypes.mail, length: 0, ...(mail.source && { source: mail.source }) });
      // The word for this message was given when it was sent first.
      const ask = async (domains: readonly string[]) =>
        Object.fromEntries(domains.map((domain) => [domain, 'now' as const]));
      const chosen = (await choose(found, { compose, ask })).map(orNative);
      const reports = chosen.map(({ report }) => report);
      const asked = { ...result, recipients: [...result.recipients, ...reports] };
      const waits = chosen.some(({ report }) => report.outcome === 'later');
      if (waits || chosen.every(({ byMail }) => byMail === undefined)) return asked;
      return await send(noted, compose, chosen, asked, progress);
    },
    async takeBack(mail) {
      if (!(await isThere(mail)) || mail.sent === undefined) return;
      await own.dropMail(mail.sent.handle).catch((error: unknown) => {
        if (codeOf(error) !== 'not_found') throw error;
      });
    },
  };
}

function mailed(report: RecipientReport, { handle }: SentMail): RecipientReport {
  return { ...report, way: 'mail', handles: [handle] };
}

/** Who became native meanwhile gets no clear text. */
function orNative(one: Resolved): Resolved {
  return one.recipient === undefined ? one : { ...one, report: { ...one.report, reason: 'native_now' } };
}

function withReports(
  result: SendResult,
  chosen: readonly Resolved[],
  change: (report: RecipientReport) => RecipientReport,
): SendResult {
  const byMail = new Set(
    chosen.flatMap(({ byMail: mail, report }) => (mail === undefined ? [] : [report.to])),
  );
  return {
    ...result,
    recipients: result.recipients.map((report) => {
      if (!byMail.has(report.to)) return report;
      const { code: _, reason: __, ...plain } = report;
      return change(plain);
    }),
  };
}

function wordOf(word: 'allow' | 'refuse' | 'ask' | undefined): MailWord {
  return word === 'allow' || word === 'refuse' ? word : 'no';
}

function domainOf({ mailAddress = '' }: Resolved): string {
  return mailAddress.slice(mailAddress.lastIndexOf('@') + 1);
}

function refused(one: Resolved, reason: string): Resolved {
  return one.mailAddress === undefined ? one : { ...one, report: { ...one.report, reason } };
}
