/** The one file that a mail domain may publish at `mta-sts.<domain>` (RFC 8461 section 3.3): text, under a valid certificate, no redirect. */
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { Client } from 'undici';
import type { Resolver } from '../dns/resolver.ts';
import { BeckonError } from '../errors.ts';
import { createAddressPolicy } from './address-policy.ts';
import { createDialler, type Dialler } from './dial.ts';
import { trusting } from './tls.ts';

export interface PolicyFileOptions {
  readonly resolver: Resolver;
  /** `[outbound] allow`. */
  readonly allow?: readonly string[];
  /** `[outbound] ca_files`. */
  readonly caFiles?: readonly string[];
  /** 443 unless told, for tests. */
  readonly port?: number;
  /** For everything; 20 s unless told. */
  readonly timeoutMs?: number;
}

/** The file's text. Throws `network_failed`, `network_refused`, `tls_failed`, `too_large`, or `not_found` for anything but the file. */
export type FetchPolicyFile = (domain: string) => Promise<string>;

/** RFC 8461 section 3.3. */
const maxBytes = 65_536;
const path = '/.well-known/mta-sts.txt';

/** @throws BeckonError `config_invalid` for an unusable range in `allow` or file in `caFiles` */
export function createFetchPolicyFile(options: PolicyFileOptions): FetchPolicyFile {
  const { port = 443, timeoutMs = 20_000 } = options;
  const dialler = createDialler(options.resolver, createAddressPolicy(options.allow));
  const secureContext = trusting(options.caFiles ?? [], 'TLSv1.2');

  return async (domain) => {
    const host = `mta-sts.${domain}`;
    const socket = await secured(dialler, { host, port, secureContext: secureContext(), timeoutMs });
    const client = new Client(`https://${host}`, {
      // Not at once: the client is still at work on the request that it connects for.
      connect: (_options, give) => queueMicrotask(() => give(null, socket)),
    });
    const timer = setTimeout(() => void client.destroy(), timeoutMs);
    try {
      return await readText(client);
    } catch (cause) {
      if (cause instanceof BeckonError) throw cause;
      throw new BeckonError('network_failed', 'the policy could not be read', { cause });
    } finally {
      clearTimeout(timer);
      await client.destroy();
    }
  };
}

interface PolicyHost {
  readonly host: string;
  readonly port: number;
  readonly secureContext: SecureContext;
  readonly timeoutMs: number;
}

async function secured(dialler: Dialler, policyHost: PolicyHost): Promise<TLSSocket> {
  const { host, port, secureContext, timeoutMs } = policyHost;
  const [address] = await dialler.addresses(host);
  if (address === undefined) throw new BeckonError('network_failed', 'no address for the policy');
  const socket = await dialler.connect(address, port, timeoutMs);
  return await new Promise((resolve, reject) => {
    const tls = connect({ socket, servername: host, secureContext, ALPNProtocols: ['http/1.1'] });
    const timer = setTimeout(() => tls.destroy(new Error('the TLS handshake took too long')), timeoutMs);
    // Stays on: an error between here and the next owner's listener must not end the process.
    tls.on('error', (cause) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new BeckonError('tls_failed', "TLS with the policy's host failed", { cause }));
    });
    tls.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(tls);
    });
  });
}

async function readText(client: Client): Promise<string> {
  const answer = await client.request({ method: 'GET', path, headers: { 'accept-encoding': 'identity' } });
  const type = String(answer.headers['content-type'] ?? '');
  if (answer.statusCode !== 200 || !/^text\/plain\s*(?:;|$)/i.test(type))
    throw new BeckonError('not_found', 'there is no policy');
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > maxBytes) throw new BeckonError('too_large', 'the policy is larger than policies are');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
