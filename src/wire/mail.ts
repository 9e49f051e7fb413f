/** What bridges put into letters about mail, and what domain records say of bridges. wire-spec/bridges.md. */
import { hash, time } from './items.ts';
import { mailKinds, sizes } from './registry.ts';
import { bytes, decode, encode, field, optional, record, text, uint, type ValueOf } from './schema.ts';

/** Bytes of an address of mail in a letter; a longer one is left out, or left empty. */
export const maxMailAddress = 254;
/** Bytes of all that a letter says beside its fields. */
export const maxExtensions = 1024;

const mailAddress = text(maxMailAddress);
/** Empty: there is none, or it is too long. */
const mailAddressOrNone = text(maxMailAddress, 0);

/** What a check found, and for which domain where there is one. */
export const mailVerdict = record('mail-verdict', {
  result: field(1, text(32)),
  domain: optional(2, text(maxMailAddress)),
});
export type MailVerdict = ValueOf<typeof mailVerdict>;

export const mailVerdicts = record('mail-verdicts', {
  spf: optional(1, mailVerdict),
  dkim: optional(2, mailVerdict),
  dmarc: optional(3, mailVerdict),
  arc: optional(4, mailVerdict),
  /** Why the recipient's domain doubts it; of a mail that stood up, nothing. */
  doubt: optional(5, mailVerdict),
});
export type MailVerdicts = ValueOf<typeof mailVerdicts>;

/** How a letter of a bridge came to be. */
export const mail = record('mail', {
  kind: field(1, uint(255)),
  reversePath: field(2, mailAddressOrNone),
  recipient: field(3, mailAddress),
  received: field(4, time),
  from: field(5, mailAddressOrNone),
  replyTo: optional(6, mailAddress),
  verdicts: optional(7, mailVerdicts),
  reference: optional(8, bytes(sizes.traceHandle)),
  client: optional(9, text(maxMailAddress)),
});
export type Mail = ValueOf<typeof mail>;

/** What a letter says beside its fields. */
export const letterExtensions = record('letter-extensions', { mail: optional(1, mail) });
export type LetterExtensions = ValueOf<typeof letterExtensions>;

/** The parameters of the capability `mail` of a domain record: the user whose messages are the bridge's. */
export const mailCapability = record('mail-capability', {
  local: field(1, text(sizes.introductionLocal)),
  fingerprint: field(2, hash),
});
export type MailCapability = ValueOf<typeof mailCapability>;

/** The name of the capability. */
export const mailCapabilityName = 'mail';

export type MailKind = keyof typeof mailKinds;

/** The kind by its name; undefined for one that is not known. */
export function mailKindOf({ kind }: Mail): MailKind | undefined {
  return (Object.keys(mailKinds) as MailKind[]).find((name) => mailKinds[name] === kind);
}

/**
 * The *extensions* of a letter with *mail* in it, at most 1024 bytes: what is too long is left out, in the order of wire-spec/bridges.md
 * section 4.
 */
export function encodeMailExtensions(content: Mail): Uint8Array {
  for (const shorter of shortened(content)) {
    const encoded = encode(letterExtensions, { mail: shorter });
    if (encoded.length <= maxExtensions) return encoded;
  }
  throw new Error('two addresses and a verdict always fit');
}

function* shortened(content: Mail): Generator<Mail> {
  yield content;
  const { client: _, ...nameless } = content;
  yield nameless;
  const { verdicts, ...bare } = nameless;
  const plain = verdicts === undefined ? bare : { ...bare, verdicts: withoutDomains(verdicts) };
  yield plain;
  const { replyTo: __, ...least } = plain;
  yield least;
}

function withoutDomains({ spf, dkim, dmarc, arc, doubt }: MailVerdicts): MailVerdicts {
  const named = Object.entries({ spf, dkim, dmarc, arc, doubt }).flatMap(([name, verdict]) =>
    verdict === undefined ? [] : [[name, { result: verdict.result }] as const],
  );
  return Object.fromEntries(named) as MailVerdicts;
}

/**
 * The *mail* of a letter's extensions; undefined where there is none. Throws `cbor_*` for extensions that are none. Whether it is to be
 * believed depends on the author: wire-spec/bridges.md section 4.
 */
export function mailOf(extensions: Uint8Array | undefined): Mail | undefined {
  return extensions === undefined ? undefined : decode(letterExtensions, extensions, maxExtensions).mail;
}
