/**
 * Mail that came in, from its bytes to the recipients' ciphertexts; wire-spec/bridges.md section 4.
 *
 *  1. loops are cut, and header sections without end
 *  2. SPF, DKIM, DMARC and ARC are checked; each recipient's domain decides what follows from that
 *  3. the trace goes on top
 *  4. by the domain whose bridge user writes, the recipients get it: sealed in memory, durable before it is answered
 *
 * Nothing of a mail is logged, and nothing of it is on disk but as ciphertext.
 */
import type { Clock } from '../clock.ts';
import { sha256 } from '../crypto/kdf.ts';
import { codeOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { maxMailAddress, type Mail, type MailVerdicts } from '../wire/mail.ts';
import { mailKinds } from '../wire/registry.ts';
import type { Deliver, Delivered, DeliverTo } from './deliver-api.ts';
import { answer, type Answer, type IncomingMail, type MailHandler } from './incoming.ts';
import { claimedSender, readHeader, replyAddress, type MailHeader } from './mail-header.ts';
import { isLoop, tracedMail } from './mail-mapping.ts';
import { judgeMail, type Judgement, type MailPolicy } from './mail-policy.ts';
import type { MailQuota } from './mail-quota.ts';
import type { FindMailRecipient, FoundRecipient } from './mail-recipients.ts';
import type { Checked, CheckMail } from './mail-verdicts.ts';

export interface MailInParts {
  readonly kind: 'smtp' | 'lmtp';
  /** The name of this machine: what it calls itself in traces. */
  readonly host: string;
  readonly find: FindMailRecipient;
  readonly check: CheckMail;
  readonly policyOf: (domain: string) => Promise<MailPolicy>;
  /** The bridge that writes to natives of other domains, given the reverse path; undefined where there is none. */
  readonly bridgeFor: (reversePath: string) => string | undefined;
  readonly deliver: Deliver;
  readonly quota: Pick<MailQuota, 'fitsAddress'>;
  readonly clock: Clock;
  readonly log: Log;
}

const answers = {
  unknown: answer(550, '5.1.1 nobody has this address here'),
  not_here: answer(554, '5.7.1 this domain takes no mail here'),
  later: answer(450, '4.2.1 this address takes no mail now: try again later'),
  alone: answer(452, '4.5.3 this one in a mail of its own, please'),
  loop: answer(554, '5.4.6 the mail goes round in a circle'),
  header: answer(554, '5.6.0 the header section is larger than its limit'),
  refused: answer(550, '5.7.1 the mail is not from whom it claims to be (DMARC, SPF)'),
  full: answer(452, '4.2.2 no more room for this recipient'),
  unclear: answer(451, '4.7.0 who sent it cannot be found out now: try again later'),
  failed: answer(451, '4.3.0 it cannot be stored now: try again later'),
} as const;

/** One recipient on its way: its answer, once there is one. */
interface Addressee {
  readonly typed: string;
  readonly found: FoundRecipient;
  readonly judged: Judgement;
}

export function createMailIn(parts: MailInParts): MailHandler {
  const { kind, host, find, check, policyOf, bridgeFor, deliver, quota, clock, log } = parts;

  async function policyFor(found: FoundRecipient): Promise<MailPolicy> {
    return found.kind === 'found' && found.domain !== undefined ? await policyOf(found.domain) : 'mark';
  }

  async function addresseesOf({ recipients }: IncomingMail, checked: Checked): Promise<Addressee[]> {
    return await Promise.all(
      recipients.map(async (typed) => {
        const found = await find(typed);
        return { typed, found, judged: judgeMail(checked, await policyFor(found), kind === 'lmtp') };
      }),
    );
  }

  async function take(mail: IncomingMail): Promise<readonly Answer[]> {
    const header = readHeader(mail.bytes);
    if (isLoop(mail.bytes, header, host)) return mail.recipients.map(() => answers.loop);
    const { client, reversePath, bytes } = mail;
    const checked = await check({ bytes, header, reversePath, ...client });
    const addressees = await addresseesOf(mail, checked);
    const given = addressees.map(refusalOf);
    const content = contentOf(mail, header, addressees, checked.verdicts);
    const describe = createDescribe(mail, header, checked.verdicts, clock.seconds());
    for (const [domain, indices] of byBridge(addressees, given, reversePath)) {
      const to = indices.map((index) => describe(addressees[index]!));
      const delivered = domain === undefined ? [] : await delivering({ from: domain, to, content });
      for (const [at, index] of indices.entries()) given[index] = answerTo(delivered[at]);
    }
    return given.map((one) => one ?? answers.failed);
  }

  /** Only who was not answered yet. */
  function byBridge(
    addressees: readonly Addressee[],
    given: readonly (Answer | undefined)[],
    reversePath: string,
  ): Map<string | undefined, number[]> {
    const open = [...addressees.keys()].filter((index) => given[index] === undefined);
    return Map.groupBy(open, (index) => {
      const found = addressees[index]?.found;
      return found?.kind === 'found' ? (found.domain ?? bridgeFor(reversePath)) : undefined;
    });
  }

  async function delivering(mail: Parameters<Deliver>[0]): Promise<readonly Delivered[]> {
    try {
      return await deliver(mail);
    } catch (error) {
      log.warn('mail not taken', { door: kind, code: codeOf(error) });
      return [];
    }
  }

  function contentOf(
    { client, reversePath, bytes }: IncomingMail,
    header: MailHeader,
    addressees: readonly Addressee[],
    verdicts: MailVerdicts,
  ): readonly Uint8Array[] {
    const [only, ...more] = addressees;
    const alone = only === undefined || more.length > 0 ? {} : { recipient: only.typed };
    const trace = { host, reversePath, ...client, ...alone, received: clock.seconds(), verdicts };
    return tracedMail(bytes, header, trace);
  }

  return {
    async recipient(typed, others, announced) {
      const found = await find(typed);
      if (found.kind !== 'found') return answers[found.kind];
      const { address, domain } = found;
      // Before its bytes come; again when they are here.
      if (domain !== undefined && !(await quota.fitsAddress(address, domain, announced))) return answers.full;
      const [first] = others;
      if (kind === 'lmtp' || first === undefined) return undefined;
      // One answer stands for all: whoever may be answered differently comes in another mail.
      const same = (await policyFor(await find(first))) === (await policyFor(found));
      return same ? undefined : answers.alone;
    },
    async take(mail) {
      try {
        return await take(mail);
      } catch (error) {
        const code = codeOf(error);
        if (code === 'too_large') return mail.recipients.map(() => answers.header);
        log.error('mail failed', { door: kind, code });
        return mail.recipients.map(() => answers.failed);
      }
    },
  };
}

function refusalOf({ found, judged }: Addressee): Answer | undefined {
  if (found.kind !== 'found') return answers[found.kind];
  if (judged.outcome === 'later') return answers.unclear;
  return judged.outcome === 'refuse' ? answers.refused : undefined;
}

function answerTo(delivered: Delivered | undefined): Answer {
  switch (delivered?.outcome) {
    case 'stored':
    case 'repeated':
      return answer(250, `2.0.0 kept for the recipient, trace ${delivered.handle}`);
    case 'unknown':
      return answers.unknown;
    case 'later':
      return delivered.code === 'quota_exceeded' ? answers.full : answers.failed;
    case undefined:
      return answers.failed;
  }
}

/** What a letter says of the mail, for one recipient. */
function createDescribe(
  { client, reversePath, bytes }: IncomingMail,
  header: MailHeader,
  verdicts: MailVerdicts,
  received: number,
): (to: Addressee) => DeliverTo {
  const from = claimedSender(bytes, header) ?? '';
  const replyTo = replyAddress(bytes, header);
  const shown = client.address === undefined ? client.helo : `${client.helo} [${client.address}]`;
  // Without these, two mails may well be the same to the letter.
  const isNamed = header.fields.some(({ name }) => name === 'message-id' || name === 'date');
  const content = isNamed ? sha256(bytes) : undefined;
  return ({ typed, found, judged }) => {
    if (found.kind !== 'found') throw new Error('described only once it is found');
    const mail: Mail = {
      kind: mailKinds.mail,
      reversePath: fitting(reversePath),
      recipient: fitting(typed) || found.address.slice(0, maxMailAddress),
      received,
      from,
      ...(replyTo === undefined || replyTo === from ? {} : { replyTo }),
      verdicts: { ...verdicts, ...doubtOf(judged) },
      ...(fitting(shown) === '' ? {} : { client: shown }),
    };
    return {
      address: found.address,
      ...(found.tag === undefined ? {} : { tag: found.tag }),
      mail,
      ...(content === undefined ? {} : { once: onceOf(content, reversePath, found.address) }),
    };
  };
}

function doubtOf(judged: Judgement): Pick<MailVerdicts, 'doubt'> {
  return judged.outcome === 'take' && judged.doubt !== undefined ? { doubt: { result: judged.doubt } } : {};
}

const encoder = new TextEncoder();

/** Empty where it is too long to be carried. */
function fitting(text: string): string {
  return encoder.encode(text).length > maxMailAddress ? '' : text;
}

/** Neither address holds a line end. */
function onceOf(content: Uint8Array, reversePath: string, recipient: string): Uint8Array {
  const names = encoder.encode(`${reversePath}\n${recipient}`);
  const all = new Uint8Array(content.length + names.length);
  all.set(content);
  all.set(names, content.length);
  return sha256(all);
}
