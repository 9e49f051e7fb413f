/**
 * The keys of all domains as files below the data directory:
 *
 *   keys/<domain>/working.json    signing, notification, envelope and poll keys with the mandate
 *   keys/<domain>/identity.json   the identity key; absent where it is kept offline
 *
 * A domain's directory is filled under another name and renamed: it is there whole or not at all.
 */
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BeckonError } from '../errors.ts';
import { domainIdentityToJson, domainKeysFromJson, workingKeysToJson } from '../keys/domain-key-file.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { checkDomain } from '../wire/domain-name.ts';
import {
  alreadyThere,
  failed,
  makePrivateDirectory,
  isMissing,
  readPrivateFile,
  replaceFile,
  syncDirectory,
  writeNewFile,
} from './durable-file.ts';

/** Far above what the keys of a domain take, with all that were retired. */
const maxKeyFile = 1 << 20;

/** Where the keys of a domain are kept. */
export function keyDirectory(dataDir: string, domain: string): string {
  checkDomain(domain);
  return join(dataDir, 'keys', domain);
}

/** Whether there are keys of the domain. */
export async function hasDomainKeys(dataDir: string, domain: string): Promise<boolean> {
  return (await stat(keyDirectory(dataDir, domain)).catch(() => undefined)) !== undefined;
}

/** Writes the keys of a new domain; they are on disk when it resolves. Throws `exists`, `storage_failed`. */
export async function saveDomainKeys(dataDir: string, keys: DomainKeys): Promise<void> {
  const target = keyDirectory(dataDir, keys.domain);
  const above = join(dataDir, 'keys');
  await makePrivateDirectory(above);
  if (await hasDomainKeys(dataDir, keys.domain)) throw alreadyThere(target);
  const draft = await mkdtemp(join(above, '.new-')).catch((cause: unknown) => {
    throw failed(above, cause);
  });
  try {
    await writeNewFile(join(draft, 'working.json'), json(workingKeysToJson(keys)));
    if (keys.identity !== undefined)
      await writeNewFile(join(draft, 'identity.json'), json(domainIdentityToJson(keys)));
    await rename(draft, target);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw cause instanceof BeckonError ? cause : failed(target, cause);
  }
  await syncDirectory(above);
}

/** Writes changed working keys of a domain in the place of those on disk, in one step. Throws `storage_failed`. */
export async function replaceWorkingKeys(dataDir: string, keys: DomainKeys): Promise<void> {
  await replaceFile(join(keyDirectory(dataDir, keys.domain), 'working.json'), json(workingKeysToJson(keys)));
}

/**
 * The keys of all domains below the data directory, by name; none where nothing was made yet. Throws `config_invalid`
 * for a file that others may open, `state_invalid` for a damaged one; both name the file.
 */
export async function loadDomainKeys(dataDir: string): Promise<readonly DomainKeys[]> {
  const above = join(dataDir, 'keys');
  const names = await readdir(above).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw failed(above, cause);
  });
  // What begins with a dot was left by a crash before it was complete.
  const domains = names.filter((name) => !name.startsWith('.')).sort();
  return await Promise.all(domains.map((name) => loadKeys(above, name)));
}

async function loadKeys(above: string, name: string): Promise<DomainKeys> {
  const working = join(above, name, 'working.json');
  const identity = join(above, name, 'identity.json');
  const workingText = await readPrivateFile(working, maxKeyFile);
  if (workingText === undefined) throw new BeckonError('state_invalid', `${working}: no such file`);
  const workingJson = parse(workingText, working);
  const keys = inFile(working, () => domainKeysFromJson(workingJson));
  if (keys.domain !== name)
    throw new BeckonError('state_invalid', `${working}: these are the keys of another domain`);
  const identityText = await readPrivateFile(identity, maxKeyFile);
  if (identityText === undefined) return keys;
  const identityJson = parse(identityText, identity);
  return inFile(identity, () => domainKeysFromJson(workingJson, identityJson));
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The cause is not passed on: the parser quotes what it was given.
    throw new BeckonError('state_invalid', `${path}: not a key file`);
  }
}

function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof BeckonError)) throw cause;
    throw new BeckonError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
