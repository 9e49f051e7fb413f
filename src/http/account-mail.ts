/** The routes of the account interface about mail, as data and values: wire-spec/account.md section 13. */
import { counts, sizes } from '../wire/registry.ts';
import { everyday } from './everyday.ts';
import { binary, byteCount, digits, integer, list, object, oneOf, text, time } from './json-schemas.ts';

export const mailStates = ['queued', 'delivered', 'failed', 'dropped'] as const;

/** What became of mail, recipients in the order of the sealed part. */
export interface MailReport {
  readonly handle: string;
  readonly created: number;
  /** Of the payload, in bytes. */
  readonly size: number;
  readonly recipients: readonly {
    readonly state: (typeof mailStates)[number];
    readonly attempts: number;
    readonly next?: number;
    readonly code?: string;
  }[];
  readonly ended?: number;
}

export interface MailRequest {
  readonly id: Uint8Array;
  readonly upload: Uint8Array;
  readonly payloadHash: Uint8Array;
  readonly keyId: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface MailPage {
  readonly items: readonly MailReport[];
  readonly next?: Uint8Array;
}

const handle = text(16, '^[a-z2-7]{16}$');
const maxPage = 256;
const maxAttempts = 1_000_000;

const mail = object({
  handle,
  created: time,
  size: byteCount,
  recipients: list(
    object({
      state: oneOf(mailStates),
      attempts: integer(0, maxAttempts),
      'next?': time,
      'code?': text(16),
    }),
    1,
    counts.mailRecipients,
  ),
  'ended?': time,
});

/** A sealed part of 16 units, in base64url, and a little. */
const maxMailBody = 128 * 1024;

export const mailOperations = {
  submitMail: {
    method: 'POST',
    path: 'mail',
    summary:
      'Have an upload leave over SMTP, to whom its sealed part says; answered when everything is on disk',
    signers: everyday,
    body: object({
      id: binary(sizes.traceHandle),
      upload: binary(16),
      payloadHash: binary(sizes.hash),
      keyId: binary(sizes.keyId),
      sealed: binary(sizes.mailUnit, sizes.mailUnit * sizes.mailMaxUnits),
    }),
    bodyLimit: maxMailBody,
    status: 201,
    answer: mail,
  },
  listMail: {
    method: 'GET',
    path: 'mail',
    summary: 'What became of mail over SMTP',
    signers: everyday,
    query: object({ 'after?': binary(1, 64), 'limit?': digits }),
    status: 200,
    answer: object({ mail: list(mail, 0, maxPage), 'next?': binary(1, 64) }),
  },
  mail: {
    method: 'GET',
    path: 'mail/:handle',
    summary: 'What became of one mail',
    signers: everyday,
    params: object({ handle }),
    status: 200,
    answer: mail,
  },
  dropMail: {
    method: 'POST',
    path: 'mail/:handle/drop',
    summary: 'Take back what of a mail is still queued',
    signers: everyday,
    params: object({ handle }),
    status: 200,
    answer: mail,
  },
} as const;
