/** Mail over SMTP as the own domain has it, as typed calls: wire-spec/account.md section 12. */
import { bytesToJson } from '../keys/key-file.ts';
import { arrayOf, count, objectOf, oneOf, shortText, type Reader, type ReaderOf } from './json.ts';

const handle = shortText(16);

const ownMail = objectOf(
  {
    handle,
    created: count,
    size: count,
    recipients: arrayOf(
      objectOf(
        { state: oneOf('queued', 'delivered', 'failed', 'dropped'), attempts: count },
        { next: count, code: shortText(16) },
      ),
      100,
    ),
  },
  { ended: count },
);
export type OwnMail = ReaderOf<typeof ownMail>;
const ownMailPage = objectOf({ mail: arrayOf(ownMail, 256) }, { next: shortText(512) });
export type OwnMailPage = ReaderOf<typeof ownMailPage>;

/** 256 mails to 100 recipients each. */
const maxMailPage = 4 * 1024 * 1024;

export interface OwnMails {
  /** Has an upload leave over SMTP, as its sealed part says; again with the same id it is the same. Throws `unsupported`. */
  submitMail(mail: {
    readonly id: Uint8Array;
    readonly upload: Uint8Array;
    readonly payloadHash: Uint8Array;
    readonly keyId: Uint8Array;
    readonly sealed: Uint8Array;
  }): Promise<OwnMail>;
  /** A page of what became of mail, in the order of the ids. Throws `unsupported` where no mail leaves. */
  mail(after?: string): Promise<OwnMailPage>;
  /** Throws `not_found`. */
  findMail(handle: string): Promise<OwnMail>;
  /** Takes back what is still queued. Throws `not_found`. */
  dropMail(handle: string): Promise<OwnMail>;
}

/** A call with a JSON body and a JSON answer. */
type Call = <T>(
  method: 'GET' | 'POST',
  path: string,
  reader: Reader<T>,
  value?: unknown,
  maxBytes?: number,
) => Promise<T>;

export function ownMailCalls(call: Call): OwnMails {
  return {
    submitMail: ({ id, upload, payloadHash, keyId, sealed }) =>
      call('POST', 'mail', ownMail, {
        id: bytesToJson(id),
        upload: bytesToJson(upload),
        payloadHash: bytesToJson(payloadHash),
        keyId: bytesToJson(keyId),
        sealed: bytesToJson(sealed),
      }),
    mail: (after) => {
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      return call('GET', `mail${query}`, ownMailPage, undefined, maxMailPage);
    },
    findMail: (of) => call('GET', `mail/${encodeURIComponent(of)}`, ownMail),
    dropMail: (of) => call('POST', `mail/${encodeURIComponent(of)}/drop`, ownMail),
  };
}
