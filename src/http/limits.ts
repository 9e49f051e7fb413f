/** How long and how much a client may: constants of this implementation, injected so that tests need not wait. */
export interface HttpLimits {
  /** From the connection to the end of the TLS handshake, in milliseconds, as all times here. */
  readonly handshakeMs: number;
  /** To receive the header section of a request. */
  readonly headersMs: number;
  /** To receive a whole request; the largest has 32 MiB. */
  readonly requestMs: number;
  /** Without a byte moving in either direction. */
  readonly idleMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  /** How often the times are looked at. */
  readonly checkMs: number;
  /** For requests under way when the server closes. */
  readonly closeMs: number;
  /** Of a header section, in bytes. */
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
}

export const defaultHttpLimits: HttpLimits = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 300_000,
  idleMs: 60_000,
  keepAliveMs: 30_000,
  checkMs: 2000,
  closeMs: 5000,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 20_000,
};
