/**
 * What the verifier of a signed request needs to know about it, as a plain value: the components of
 * wire-spec/account.md section 3. The routes only gather; they verify nothing.
 */
export interface SignedRequest {
  /** Upper case. */
  readonly method: string;
  /** `@authority`: `beckon.<domain>`, lower case, without a port. */
  readonly authority: string;
  /** `@path`: as received, percent-encoding untouched. */
  readonly path: string;
  /** `@query`: with its leading `?`, which stands alone where there is no query (RFC 9421 section 2.2.7). */
  readonly query: string;
  /** All header fields, names in lower case, several lines of one field joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * SHA-256 of the body, absent where the request has none. For an uploaded part it is what the client claims in
   * `content-digest`, because the request is authenticated before its bytes arrive; the route compares at the end.
   */
  readonly bodyDigest?: Uint8Array;
}
