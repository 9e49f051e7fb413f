/** Certificates from files, chosen by server name (SNI): `<directory>/beckon.<domain>/{fullchain,privkey}.pem`. */
import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';
import { authorityOf } from '../wire/domain-name.ts';
import { domainOfHost } from './domain.ts';

export interface CertificateFiles {
  /** null: none. */
  readonly directory: string | null;
  /** A pair for the names that the directory does not have; both or none. */
  readonly certificate: string | null;
  readonly key: string | null;
}

export interface Certificates {
  /** The context for a server name; undefined where there is neither one of its own nor a default. */
  find(serverName: string): SecureContext | undefined;
  /** When the certificate for a server name ends, unix seconds; undefined where there is none. */
  until(serverName: string): number | undefined;
  /** Reads all files again. Throws `tls_failed`, and then keeps what it had. */
  reload(): Promise<void>;
}

interface Loaded {
  readonly byName: ReadonlyMap<string, Pair>;
  readonly fallback?: Pair;
}

interface Pair {
  readonly context: SecureContext;
  readonly until: number;
}

/** Throws `tls_failed`, naming the file, where a certificate or key cannot be read or they do not belong together. */
export async function loadCertificates(files: CertificateFiles): Promise<Certificates> {
  let loaded = await load(files);
  const pairOf = (serverName: string): Pair | undefined =>
    loaded.byName.get(serverName.toLowerCase()) ?? loaded.fallback;
  return {
    find: (serverName) => pairOf(serverName)?.context,
    until: (serverName) => pairOf(serverName)?.until,
    async reload() {
      loaded = await load(files);
    },
  };
}

/** Left to renew: an ACME client renews a month before. */
const soon = 7 * 86_400;

/** Says at start, and whenever they are read again, which domains nobody can connect to, now or soon: a handshake that fails tells the hoster nothing. */
export function warnOfCertificates(
  until: (serverName: string) => number | undefined,
  domains: readonly string[],
  now: number,
  log: Log,
): void {
  for (const domain of domains) {
    const name = authorityOf(domain);
    const end = until(name);
    if (end === undefined)
      log.warn('no certificate: nobody reaches this domain; get one, then: beckon reload', { domain, name });
    else if (end <= now)
      log.warn('the certificate has ended: nobody reaches this domain; renew it', { domain, name });
    else if (end - now < soon)
      log.warn('the certificate ends soon: renew it', {
        domain,
        name,
        days: Math.floor((end - now) / 86_400),
      });
  }
}

async function load({ directory, certificate, key }: CertificateFiles): Promise<Loaded> {
  const byName = new Map<string, Pair>();
  for (const name of directory === null ? [] : await namesIn(directory)) {
    const folder = join(directory ?? '', name);
    byName.set(name, await readPair(join(folder, 'fullchain.pem'), join(folder, 'privkey.pem')));
  }
  if (certificate === null || key === null) return { byName };
  return { byName, fallback: await readPair(certificate, key) };
}

/** The folders that are named like a domain's authority; a directory that is not there yet has none. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter(
      (name) => domainOfHost(name) !== undefined && !name.includes(':'),
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw failed(directory, cause);
  }
}

async function readPair(certificate: string, key: string): Promise<Pair> {
  const [cert, secret] = await Promise.all([readPem(certificate), readPem(key)]);
  try {
    const context = createSecureContext({ cert, key: secret, minVersion: 'TLSv1.3' });
    return { context, until: new X509Certificate(cert).validToDate.getTime() / 1000 };
  } catch (cause) {
    throw failed(certificate, cause);
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw failed(file, cause);
  }
}

function failed(file: string, cause: unknown): BeckonError {
  const reason = (cause as NodeJS.ErrnoException).code ?? 'broken';
  return new BeckonError('tls_failed', `${file}: cannot be used (${reason})`, { cause });
}
