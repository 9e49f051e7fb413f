/**
 * What the verifier of a signed request needs, as a plain value (wire-spec/account.md section 3). The routes only gather
 * it; that Host is `beckon.<domain>` was checked before.
 */
export interface SignedRequest {
  /** Upper case. */
  readonly method: string;
  readonly domain: string;
  /** Path and query as received, percent-encoding untouched. */
  readonly target: string;
  /**
   * There where the request claims a digest of its body: the request is authenticated before the body arrives, which
   * the route then compares. A body without a claim never reaches a handler.
   */
  readonly body?: { readonly sha256: Uint8Array };
  /** Where the request has any: the signature covers them. */
  readonly conditions?: Conditions;
  readonly signature: SignatureFields;
}

/** Conditions on what is there, as received. */
export interface Conditions {
  readonly 'if-match'?: string;
  readonly 'if-none-match'?: string;
}

/** The header fields as received. */
export interface SignatureFields {
  readonly 'signature-input'?: string;
  readonly signature?: string;
  readonly 'content-digest'?: string;
}

/** How bodies are digested: passed in, because this room has no cryptography. */
export interface BodyDigests {
  /** The SHA-256 that `content-digest` claims. Throws `unauthorized` where it claims none. */
  claimed(signature: SignatureFields): Uint8Array;
  createSha256(): IncrementalDigest;
}

export interface IncrementalDigest {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}
