/** TLS to a domain: SRV says where to connect, the certificate must be for `beckon.<domain>`. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createSecureContext, getCACertificates } from 'node:tls';
import type { SecureContext, SecureVersion, TLSSocket } from 'node:tls';
import type { Target } from '../dns/srv-order.ts';
import { BeckonError } from '../errors.ts';
import { authorityOf } from '../wire/domain-name.ts';
import { mostTelling } from './dial.ts';
import type { Dialler } from './dial.ts';
import { silenceError } from './silence.ts';

/** Over all targets and their addresses: a domain with many dead ones must not hold a sender for minutes. */
const maxAttempts = 6;

export interface TlsConnect {
  /**
   * Tries targets and their addresses in order. Throws `network_refused`, `network_failed`, or `tls_failed` (certificate
   * not for this domain, unknown authority, no TLS 1.3).
   */
  (domain: string, targets: readonly Target[], options: { verifyCertificate: boolean }): Promise<TLSSocket>;
}

/** @param caFiles PEM files trusted beside the system's authorities; an unreadable one throws `config_invalid` */
export function createTlsConnect(
  dialler: Dialler,
  caFiles: readonly string[],
  timeoutMs: number,
): TlsConnect {
  const secureContext = trusting(caFiles, 'TLSv1.3');
  return async (domain, targets, { verifyCertificate }) => {
    const failures: BeckonError[] = [];
    let attempts = 0;
    for (const { host, port } of targets) {
      for (const address of await dialler.addresses(host).catch((error) => noted(error, failures, []))) {
        if (attempts++ === maxAttempts) throw mostTelling(failures);
        const socket = await dialler
          .connect(address, port, timeoutMs)
          .then((socket) =>
            secure(socket, { domain, verifyCertificate, secureContext: secureContext(), timeoutMs }),
          )
          .catch((error) => noted(error, failures, null));
        if (socket) return socket;
      }
    }
    throw mostTelling(failures);
  };
}

function noted<T>(error: unknown, failures: BeckonError[], otherwise: T): T {
  if (!(error instanceof BeckonError)) throw error;
  failures.push(error);
  return otherwise;
}

/** By what they trust; nobody changes them. */
const contexts = new Map<string, SecureContext>();

/**
 * The system's authorities and those of `caFiles`. Throws `config_invalid`. The system's are read when first needed, and once: many
 * short commands connect to nobody, and reading them takes longer than a handshake.
 */
export function trusting(caFiles: readonly string[], minVersion: SecureVersion): () => SecureContext {
  const extra = caFiles.map(readAuthorities);
  const name = [minVersion, ...extra].join('\n');
  return () => {
    const context =
      contexts.get(name) ??
      createSecureContext({ ca: [...getCACertificates('default'), ...extra], minVersion });
    contexts.set(name, context);
    return context;
  };
}

function readAuthorities(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    // OpenSSL takes text without any certificate in silence.
    if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no certificate in it');
    createSecureContext({ ca: text });
    return text;
  } catch (cause) {
    throw new BeckonError('config_invalid', `cannot use the certificate authority file ${path}`, { cause });
  }
}

interface SecureOptions {
  domain: string;
  verifyCertificate: boolean;
  secureContext: SecureContext;
  timeoutMs: number;
}

function secure(socket: Socket, options: SecureOptions): Promise<TLSSocket> {
  const { domain, verifyCertificate, secureContext, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const tls = connect({
      socket,
      servername: authorityOf(domain),
      secureContext,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: verifyCertificate,
    });
    const timer = setTimeout(() => tls.destroy(silenceError('the TLS handshake took too long')), timeoutMs);
    // Stays on, as in dial.ts.
    tls.on('error', (cause) => {
      clearTimeout(timer);
      socket.destroy();
      reject(tlsFailure(cause));
    });
    tls.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(tls);
    });
  });
}

const networkCodes = new Set<unknown>(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'EHOSTUNREACH']);

function tlsFailure(cause: Error): BeckonError {
  return 'code' in cause && networkCodes.has(cause.code)
    ? new BeckonError('network_failed', 'the connection broke during the TLS handshake', { cause })
    : new BeckonError('tls_failed', 'TLS with the domain failed', { cause });
}
