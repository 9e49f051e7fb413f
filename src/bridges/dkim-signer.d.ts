/** What of mailauth's signer is used below its `dkimSign`: the package has no types for it. */
declare module 'mailauth/lib/dkim/dkim-signer.js' {
  import type { Writable } from 'node:stream';

  /** A header field as it was parsed. */
  export interface HeaderRow {
    /** Lower case. */
    readonly key: string | null;
    /** What stands in `h=` for it. */
    casedKey?: string;
    readonly line: Buffer;
  }

  export interface HeaderRows {
    readonly parsed: HeaderRow[];
    readonly original: Buffer;
  }

  export interface SignatureData {
    readonly signingDomain: string;
    readonly selector: string;
    /** PEM. */
    readonly privateKey: string;
  }

  export interface DkimSigner extends Writable {
    /** Called once, with the whole header, before any of the body. */
    messageHeaders(headers: HeaderRows): Promise<void>;
    /** One field for each signature, without the CRLF at its end. */
    readonly signatureHeaders: readonly string[];
    readonly errors: readonly unknown[];
  }

  export const DkimSigner: new (options: {
    readonly signatureData: readonly SignatureData[];
    readonly canonicalization: 'relaxed/relaxed';
    readonly signTime: Date;
    readonly strict: boolean;
  }) => DkimSigner;
}
