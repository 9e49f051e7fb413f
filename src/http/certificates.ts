/** Certificates from files, chosen by server name (SNI): `<directory>/beckon.<domain>/{fullchain,privkey}.pem`. */
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
  /** Reads all files again. Throws `tls_failed`, and then keeps what it had. */
  reload(): Promise<void>;
}

interface Loaded {
  readonly byName: ReadonlyMap<string, SecureContext>;
  readonly fallback?: SecureContext;
}

/** Throws `tls_failed`, naming the file, where a certificate or key cannot be read or they do not belong together. */
export async function loadCertificates(files: CertificateFiles): Promise<Certificates> {
  let loaded = await load(files);
  return {
    find: (serverName) => loaded.byName.get(serverName.toLowerCase()) ?? loaded.fallback,
    async reload() {
      loaded = await load(files);
    },
  };
}

/** Says at start, and after each reload, which domains nobody can connect to: a handshake that fails tells the hoster nothing. */
export function warnOfMissingCertificates(
  certifies: (serverName: string) => boolean,
  domains: readonly string[],
  log: Log,
): void {
  for (const domain of domains) {
    const name = authorityOf(domain);
    if (!certifies(name))
      log.warn('no certificate: nobody reaches this domain; get one, then: beckon reload', { domain, name });
  }
}

async function load({ directory, certificate, key }: CertificateFiles): Promise<Loaded> {
  const byName = new Map<string, SecureContext>();
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

async function readPair(certificate: string, key: string): Promise<SecureContext> {
  const [cert, secret] = await Promise.all([readPem(certificate), readPem(key)]);
  try {
    return createSecureContext({ cert, key: secret, minVersion: 'TLSv1.3' });
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
