/**
 * Writing to those who take mail only, wire-spec/bridges.md section 3: in clear text, on the user's word.
 *
 *  1. for each domain there is a word: remembered, or asked for now; a refusal that is remembered ends it
 *  2. the own domain has a bridge, and its key
 *  3. the message is composed as one mail for all of them, encrypted and uploaded as any payload
 *  4. it is written down before the domain is told, so that it is found whatever happens; then the domain has it
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { traceHandleText } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { usableKey, type PublishedKey } from '../keys/published-key.ts';
import { sealMail } from '../message/mail-submission.ts';
import { encryptPayload, payloadSize } from '../message/payload.ts';
import { splitAddress } from '../wire/address.ts';
import { mailNotify } from '../wire/mail-submission.ts';
import { counts, sizes } from '../wire/registry.ts';
import type { ClientNetwork } from './api.ts';
import type { OwnDomain } from './own-domain.ts';
import type { Resolved } from './recipients.ts';
import type { MailSending, MailWord, OnProgress, Outgoing, RecipientReport, SendResult } from './send-api.ts';
import type { Share } from './share.ts';
import type { SentMail } from './state.ts';
import type { Session } from './store.ts';
import { uploadPayload } from './upload.ts';

/** What says nothing of whether a request came through. */
const passing: readonly ErrorCode[] = [
  'network_failed',
  'unavailable',
  'rate_limited',
  'tls_failed',
  'discovery_later',
];
const tries = 3;

export interface SendMailParts {
  readonly session: Session;
  readonly network: { readonly domains: Pick<ClientNetwork['domains'], 'domain'> };
  readonly own: Pick<OwnDomain, 'openUpload' | 'uploadProgress' | 'writePart' | 'submitMail' | 'mail'>;
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
   * thrown.
   */
  send(
    message: Outgoing,
    chosen: readonly Resolved[],
    result: SendResult,
    progress?: OnProgress,
  ): Promise<SendResult>;
}

export function createSendMail(parts: SendMailParts): SendMail {
  const { session, network, own, share, clock, random } = parts;

  /** The domain's bridge key; undefined where no mail leaves from there. */
  async function bridgeKey(): Promise<PublishedKey | undefined> {
    const { domain } = splitAddress(session.state().address);
    const peer = await network.domains.domain(domain);
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

  async function submit(
    message: Outgoing,
    to: readonly string[],
    number: number,
    progress: OnProgress | undefined,
  ): Promise<SentMail> {
    const { mail } = message;
    const key = await bridgeKey();
    if (mail === undefined || key === undefined)
      throw new BeckonError('unsupported', 'your domain sends no mail over SMTP');
    const part = await mail.compose();
    const contentKey = random(32);
    const { stream, result } = encryptPayload(new Secret(contentKey), part.open(), part.length, random);
    const upload = random(16);
    const size = payloadSize(part.length);
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
        reversePath: message.from ?? session.state().address,
        recipients: to,
        plaintextHash,
        plaintextLength,
        created: now,
        notify: mailNotify.delay | mailNotify.failure | (mail.success === true ? mailNotify.success : 0),
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
    await session.commit({ type: 'mail-sent', number, mail: sent });
    await handOver({ id, upload, payloadHash, keyId: key.id, sealed });
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

  /** The number under which it is found, where nothing went out natively. */
  async function noted(
    message: Outgoing,
    result: SendResult,
  ): Promise<SendResult & { readonly number: number }> {
    const { number } = result;
    if (number !== undefined) return { ...result, number };
    const { subject, from, parents } = message;
    const letterId = bytesToJson(random(sizes.letterId));
    const taken = session.state().nextNumber;
    await session.commit({
      type: 'sent',
      sent: {
        letterIds: [letterId],
        subject,
        created: clock.seconds(),
        parts: [],
        ...(from === undefined ? {} : { from }),
        ...(parents === undefined ? {} : { parents }),
      },
    });
    return { ...result, number: taken, letterId };
  }

  return {
    choose,
    async send(message, chosen, result, progress) {
      const to = chosen.flatMap(({ byMail }) => byMail ?? []);
      const whole = await noted(message, result);
      const { number } = whole;
      try {
        const { handle } = await submit(message, to, number, progress);
        return withReports(whole, chosen, (report) => ({ ...report, way: 'mail', handles: [handle] }));
      } catch (error) {
        // Where it may have come all the same, it stays written down: `sent` shows what the domain knows of it.
        if (!passing.includes(codeOf(error))) await session.commit({ type: 'mail-unsent', number });
        if (result.number === undefined) throw error;
        const code = codeOf(error);
        const reason = error instanceof BeckonError ? error.message : 'the mail could not be handed over';
        return withReports(whole, chosen, (report) => ({ ...report, code, reason }));
      } finally {
        await share.tryShare();
      }
    },
  };
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
