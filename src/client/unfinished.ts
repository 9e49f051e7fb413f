/**
 * What is being sent, on disk before the first byte of it leaves: after a crash it goes on from here. It is a file of its own, because it is
 * written with every part of an upload, and the state is large.
 */
import { bytesToJson } from '../keys/key-file.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { payloadSize } from '../message/payload.ts';
import { sizes } from '../wire/registry.ts';
import type { PayloadSource, Submission } from '../wire/submission.ts';
import type { TextFile } from './api.ts';
import {
  arrayOf,
  bytes64,
  count,
  flag,
  keeping,
  objectOf,
  oneOf,
  text,
  text64,
  type Reader,
} from './json.ts';
import { sentMail, sentPart } from './state-json.ts';
import type { ClientState, SentMail, SentPart, Text64 } from './state.ts';
import type { UnfinishedEntry, UnfinishedPart } from './send-api.ts';

export interface NotedPart extends UnfinishedPart {
  /** Chosen once: whoever gets the part twice sees that it is one letter. */
  readonly letterId: Text64;
  /** Where it ends before the whole. */
  readonly expires?: number;
}

/** An upload under way. The key and salt never meet another content: `upload.ts` says how that is kept. */
export interface NotedUpload {
  readonly id: Text64;
  readonly contentKey: Text64;
  readonly salt: Text64;
  readonly left: LeftBytes;
}

/** Ciphertext that left this device, or may have. */
export interface LeftBytes {
  /** Of the upload's first part that the domain has not acknowledged, in bytes. */
  readonly from: number;
  /** No byte behind this one left. */
  readonly to: number;
  /** SHA-256 of the payload up to `to`. */
  readonly hash: Text64;
}

/** What of it goes over SMTP, until the domain has it. */
export interface NotedMail {
  /** In the order of the sealed part. */
  readonly to: readonly string[];
  /** Tell when it was handed over, too. */
  readonly success?: boolean;
  /** Where the whole mail comes from, in the caller's words. */
  readonly source?: string;
  /** Its upload, from before the first byte leaves; where it goes on it is given up. */
  readonly upload?: Text64;
  /** From before the domain is told: by its handle it is found there, should the answer be lost. */
  readonly sent?: SentMail;
}

/** A commit byte for byte: repeated it is the same one. */
export interface NotedCommit {
  readonly submission: Submission;
  readonly sent: readonly SentPart[];
}

export interface Unfinished {
  /** As the sent message will be called. */
  readonly number: number;
  readonly address: string;
  readonly created: number;
  readonly expires: number;
  readonly subject: string;
  /** As typed, contact cards whole. */
  readonly to: readonly string[];
  readonly addresses: readonly string[];
  readonly from?: string | undefined;
  readonly parents?: readonly Text64[] | undefined;
  readonly retracts?: Text64 | undefined;
  readonly again?: number | undefined;
  readonly parts: readonly NotedPart[];
  /** The recipient hashes that it goes to: where another is right now, all of it goes there. */
  readonly routes: readonly Text64[];
  /** Reserved and not used yet. */
  readonly ids: readonly Text64[];
  /** How many commits are acknowledged: of the parts, then of covers. */
  readonly done: number;
  /** What went out with them. */
  readonly sent: readonly SentPart[];
  readonly upload?: NotedUpload | undefined;
  readonly composed?: NotedCommit | undefined;
  readonly mail?: NotedMail | undefined;
}

export interface UnfinishedStore {
  /** Those that are not sent by now, oldest first. Throws `state_invalid` where a damaged list cannot be set aside. */
  all(state: ClientState): Promise<readonly Unfinished[]>;
  /** Durable when it resolves. */
  save(one: Unfinished): Promise<void>;
  drop(number: number): Promise<void>;
}

/** How a damaged list shows: in the clear, and under a passphrase that opens the state. */
const damages: readonly string[] = ['state_invalid', 'open_failed'];

/** Over a text file, which holds keys of contents in the clear. */
export function createUnfinishedStore(file: TextFile): UnfinishedStore {
  let known: Promise<readonly Unfinished[]> | undefined;

  function load(): Promise<readonly Unfinished[]> {
    known ??= read();
    return known;
  }

  /** What can be read no more keeps nobody from sending: it is kept for whoever can mend it. */
  async function read(): Promise<readonly Unfinished[]> {
    try {
      const saved = await file.read();
      return saved === undefined ? [] : parse(saved);
    } catch (error) {
      if (file.setAside === undefined || !damages.includes(codeOf(error))) throw error;
      await file.setAside();
      return [];
    }
  }

  async function replace(number: number, ...by: readonly Unfinished[]): Promise<void> {
    const others = (await load()).filter((one) => one.number !== number);
    const next = [...others, ...by].toSorted((a, b) => a.number - b.number);
    await file.write(format(next));
    known = Promise.resolve(next);
  }

  return {
    all: async (state) => (await load()).filter((one) => isOf(one, state) && !isSent(one, state)),
    save: (one) => replace(one.number, one),
    drop: (number) => replace(number),
  };
}

/** Of this enrolment, not of one that had the same directory before. */
function isOf({ address, number }: Unfinished, state: ClientState): boolean {
  return address === state.address && number < state.nextNumber;
}

/** A crash came between writing it down as sent and forgetting it here. */
function isSent(one: Unfinished, state: ClientState): boolean {
  const { mail, parts } = one;
  const isMailed =
    mail === undefined ||
    (mail.sent !== undefined && state.sent.some((sent) => sent.mail?.handle === mail.sent?.handle));
  return isMailed && (parts.length === 0 || isNativelySent(one, state));
}

/** Whether all but its mail is written down as sent. */
export function isNativelySent({ sent, composed }: Unfinished, state: ClientState): boolean {
  const handles = new Set([...sent, ...(composed?.sent ?? [])].map(({ handle }) => handle));
  return state.sent.some(({ parts, again = {} }) =>
    [...parts, ...Object.values(again)].some(({ handle }) => handles.has(handle)),
  );
}

/** As the user is shown it. */
export function describeUnfinished(one: Unfinished, state: ClientState): UnfinishedEntry {
  const { number, subject, created, expires, addresses, parts, done, upload, mail } = one;
  const natively = isNativelySent(one, state) ? [] : addresses;
  const bytesOf = (some: readonly NotedPart[]): number =>
    some.reduce((sum, { length }) => sum + payloadSize(length), 0);
  const underWay =
    one.composed === undefined ? (upload?.left.from ?? 0) : bytesOf(parts.slice(done, done + 1));
  return {
    number,
    subject,
    created,
    expires,
    to: [...natively, ...(mail?.to ?? [])],
    parts: parts.map(({ letterId: _, expires: __, ...part }) => part),
    done: bytesOf(parts.slice(0, done)) + underWay,
    total: bytesOf(parts),
    ...(mail === undefined ? {} : { mail: mail.source === undefined ? {} : { source: mail.source } }),
  };
}

const formatName = 'beckon-sending-1';

const messages = arrayOf(
  objectOf(
    {
      id: bytes64(sizes.messageId),
      destination: text,
      recipientHash: bytes64(sizes.hash),
      header: bytes64(),
      envelope: bytes64(),
      acceptTokenHash: bytes64(sizes.hash),
      expires: count,
    },
    { introduction: bytes64() },
  ),
);
const submitted = objectOf({ payloadHash: bytes64(sizes.hash), messages });
const ofUpload = objectOf({ upload: bytes64(16) });
const whole = objectOf({ payload: bytes64() });
const submission: Reader<Submission> = (value) => ({ ...submitted(value), ...source(value) });
const source: Reader<PayloadSource> = (value) =>
  Object.hasOwn(value as object, 'upload') ? ofUpload(value) : whole(value);

const left = keeping({ from: count, to: count, hash: text64(sizes.hash) });
const unfinished: Reader<Unfinished> = keeping(
  {
    number: count,
    address: text,
    created: count,
    expires: count,
    subject: text,
    to: arrayOf(text),
    addresses: arrayOf(text),
    parts: arrayOf(
      keeping(
        { mediaType: text, length: count, letterId: text64(sizes.letterId) },
        { fileName: text, source: text, expires: count },
      ),
    ),
    routes: arrayOf(text64(sizes.hash)),
    ids: arrayOf(text64(sizes.messageId)),
    done: count,
    sent: arrayOf(sentPart),
  },
  {
    from: text,
    parents: arrayOf(text64(sizes.letterId)),
    retracts: text64(sizes.letterId),
    again: count,
    upload: keeping({ id: text64(16), contentKey: text64(32), salt: text64(24), left }),
    composed: keeping({ submission, sent: arrayOf(sentPart) }),
    mail: keeping({ to: arrayOf(text) }, { success: flag, source: text, upload: text64(16), sent: sentMail }),
  },
);
const saved = objectOf({ format: oneOf(formatName), sendings: arrayOf(unfinished) });

function parse(content: string): readonly Unfinished[] {
  try {
    return saved(JSON.parse(content)).sendings;
  } catch (cause) {
    throw new BeckonError('state_invalid', 'the list of what is not sent to its end is damaged', { cause });
  }
}

function format(sendings: readonly Unfinished[]): string {
  return JSON.stringify({ format: formatName, sendings }, (_name, value: unknown) =>
    value instanceof Uint8Array ? bytesToJson(value) : value,
  );
}
