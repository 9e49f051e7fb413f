/**
 * One mail to one SMTP server.
 *
 *  1. a connection to one of its addresses: checked (dial.ts)
 *  2. greeting, EHLO, TLS as the policy demands; with DANE the certificate is compared before anything is said
 *  3. AUTH, where there is a user: under TLS only
 *  4. the envelope and the message; each recipient has an outcome of its own
 */
import { isIP, type Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Resolver, TlsaAnswer } from '../dns/resolver.ts';
import { BeckonError } from '../errors.ts';
import { createAddressPolicy } from './address-policy.ts';
import { matchesDane } from './dane.ts';
import { createDialler, type Dialler } from './dial.ts';
import { isTlsFailure, whyUnreachable, type SmtpOutcome } from './smtp-outcome.ts';
import { sendMail, type SmtpMail } from './smtp-send.ts';
import { trusting } from './tls.ts';

/** What a connection needs before the mail is shown to it. */
export type SmtpTls =
  /** No TLS: a server on this machine. */
  | { readonly kind: 'none' }
  /** Where it is offered, whoever it is; in the clear else. */
  | { readonly kind: 'opportunistic' }
  /** Some TLS, whoever it is. */
  | { readonly kind: 'encrypted' }
  /** A certificate of a known authority for the host. */
  | { readonly kind: 'verified' }
  /** A certificate that DNS names (RFC 7672), or of an authority that it names, then for one of `names`. */
  | { readonly kind: 'dane'; readonly records: readonly TlsaAnswer[]; readonly names: readonly string[] };

/** A secret, as crypto/secret.ts makes them: this room does not import that. */
export interface Password {
  expose(): Uint8Array;
}

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly tls: SmtpTls;
  /** TLS from the first byte, not by STARTTLS. */
  readonly implicit?: boolean;
  readonly login?: { readonly user: string; readonly password: Password };
  /** Named by the operator: may be an address, `localhost`, and in any range. */
  readonly configured?: boolean;
}

/** `unreachable`: no mail was shown to it, another server of the domain may be tried. */
export type SmtpResult =
  | { readonly kind: 'answered'; readonly outcomes: readonly SmtpOutcome[] }
  | { readonly kind: 'unreachable'; readonly outcome: SmtpOutcome };

export interface SmtpOptions {
  readonly resolver: Resolver;
  /** `[outbound] allow`. */
  readonly allow?: readonly string[];
  /** `[outbound] ca_files`. */
  readonly caFiles?: readonly string[];
  /** How we introduce ourselves: our host name. */
  readonly hello: string;
  /** For a connection, and for the greeting; 30 s unless told. */
  readonly connectMs?: number;
  /** Without a byte from the server; 5 minutes unless told (RFC 5321 section 4.5.3.2). */
  readonly idleMs?: number;
}

/** Hands a mail to a server. Does not throw for what the other side does. */
export type SendSmtp = (server: SmtpServer, mail: SmtpMail) => Promise<SmtpResult>;

/** Addresses of one server that are tried. */
const maxAddresses = 4;

/** @throws BeckonError `config_invalid` for an unusable range in `allow` or file in `caFiles` */
export function createSmtp(options: SmtpOptions): SendSmtp {
  const { resolver, hello, connectMs = 30_000, idleMs = 300_000 } = options;
  const strangers = createDialler(resolver, createAddressPolicy(options.allow));
  const configured = createDialler(resolver, () => ({ kind: 'allowed' }));
  const secureContext = trusting(options.caFiles ?? [], 'TLSv1.2');

  async function connect(server: SmtpServer): Promise<Socket> {
    const dialler = server.configured === true ? configured : strangers;
    let failure: unknown;
    for (const address of (await addressesOf(dialler, server)).slice(0, maxAddresses)) {
      try {
        return await dialler.connect(address, server.port, connectMs);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async function open(server: SmtpServer, inTheClear: boolean): Promise<SMTPConnection> {
    const socket = await connect(server);
    const connection = new SMTPConnection({
      connection: socket,
      host: server.host,
      name: hello,
      ...tlsOptions(server, inTheClear, secureContext()),
      connectionTimeout: connectMs,
      greetingTimeout: connectMs,
      socketTimeout: idleMs,
      // A reply of a megabyte is no reply.
      maxResponseSize: 65_536,
      logger: false,
    });
    try {
      await greeted(connection);
      checkTls(server.tls, connection);
      if (server.login !== undefined) await login(connection, server.login);
      return connection;
    } catch (error) {
      connection.close();
      socket.destroy();
      throw error;
    }
  }

  /** Who demands nothing of TLS is not refused for a broken one (RFC 7435): it is tried once more without. */
  async function openAny(server: SmtpServer): Promise<SMTPConnection> {
    try {
      return await open(server, false);
    } catch (error) {
      if (server.tls.kind !== 'opportunistic' || !isTlsFailure(error)) throw error;
      return await open(server, true);
    }
  }

  return async (server, mail) => {
    let connection: SMTPConnection;
    try {
      connection = await openAny(server);
    } catch (error) {
      return { kind: 'unreachable', outcome: whyUnreachable(error) };
    }
    try {
      return { kind: 'answered', outcomes: await sendMail(connection, mail) };
    } finally {
      connection.quit();
    }
  };
}

function addressesOf(dialler: Dialler, { host, configured }: SmtpServer): Promise<string[]> {
  if (configured === true && host === 'localhost') return Promise.resolve(['127.0.0.1', '::1']);
  if (configured === true && isIP(host) !== 0) return Promise.resolve([host]);
  return dialler.addresses(host);
}

function tlsOptions(
  { host, tls, implicit = false }: SmtpServer,
  inTheClear: boolean,
  secureContext: SecureContext,
): Pick<
  SMTPConnection['options'],
  'secure' | 'ignoreTLS' | 'requireTLS' | 'opportunisticTLS' | 'servername' | 'tls'
> {
  if (inTheClear || (tls.kind === 'none' && !implicit)) return { secure: false, ignoreTLS: true };
  const isName = isIP(host) === 0;
  return {
    secure: implicit,
    ...(implicit ? {} : tls.kind === 'opportunistic' ? { opportunisticTLS: true } : { requireTLS: true }),
    ...(isName ? { servername: host } : {}),
    tls: { secureContext, minVersion: 'TLSv1.2', rejectUnauthorized: tls.kind === 'verified' },
  };
}

function greeted(connection: SMTPConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('error', reject);
    connection.once('end', () => reject(new BeckonError('network_failed', 'the server hung up')));
    connection.connect((error) => {
      // Stays on, so that what comes too late ends nobody's process.
      connection.on('error', () => undefined);
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Throws `tls_failed`. */
function checkTls(tls: SmtpTls, connection: SMTPConnection): void {
  if (tls.kind === 'none' || tls.kind === 'opportunistic') return;
  if (!connection.secure) throw new BeckonError('tls_failed', 'the server offers no TLS');
  if (tls.kind !== 'dane') return;
  // Under TLS it is one; nothing else of the library's shows the certificate.
  const { _socket: socket } = connection as unknown as { readonly _socket: TLSSocket };
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined || !matchesDane(leaf, tls.records, tls.names, new Date()))
    throw new BeckonError('tls_failed', 'the certificate is not the one that DNS names');
}

function login(
  connection: SMTPConnection,
  { user, password }: { readonly user: string; readonly password: Password },
): Promise<void> {
  if (!connection.secure) throw new BeckonError('tls_failed', 'no password is given without TLS');
  const pass = new TextDecoder().decode(password.expose());
  return new Promise((resolve, reject) => {
    connection.login({ user, pass }, (error) => (error ? reject(error) : resolve()));
  });
}
