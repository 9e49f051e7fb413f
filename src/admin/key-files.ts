/**
 * The keys of all domains as files below the data directory:
 *
 *   keys/<domain>/working.json    signing, notification, envelope and poll keys with the mandate
 *   keys/<domain>/identity.json   the identity key; absent where it is kept offline
 *
 * They are encrypted where there is a passphrase. A domain's directory is filled under another name and renamed: it is there whole
 * or not at all.
 */
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSealedText, type TextSealer } from '../crypto/sealed-text.ts';
import { BeckonError } from '../errors.ts';
import { domainIdentityToJson, domainKeysFromJson, workingKeysToJson } from '../keys/domain-key-file.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { checkDomain } from '../wire/domain-name.ts';
import {
  alreadyThere,
  failed,
  isDraft,
  makePrivateDirectory,
  isMissing,
  readPrivateFile,
  replaceFile,
  syncDirectory,
  writeNewFile,
} from './durable-file.ts';

/** Far above what the keys of a domain take, with all that were retired. */
const maxKeyFile = 1 << 20;
const workingFile = 'working.json';
const identityFile = 'identity.json';

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
export async function saveDomainKeys(dataDir: string, keys: DomainKeys, sealer?: TextSealer): Promise<void> {
  const target = keyDirectory(dataDir, keys.domain);
  const above = join(dataDir, 'keys');
  await makePrivateDirectory(above);
  if (await hasDomainKeys(dataDir, keys.domain)) throw alreadyThere(target);
  const draft = await mkdtemp(join(above, '.new-')).catch((cause: unknown) => {
    throw failed(above, cause);
  });
  try {
    await writeNewFile(join(draft, workingFile), await json(workingKeysToJson(keys), sealer));
    if (keys.identity !== undefined)
      await writeNewFile(join(draft, identityFile), await json(domainIdentityToJson(keys), sealer));
    await rename(draft, target);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw cause instanceof BeckonError ? cause : failed(target, cause);
  }
  await syncDirectory(above);
}

/** Writes changed working keys of a domain in the place of those on disk, in one step. Throws `storage_failed`. */
export async function replaceWorkingKeys(
  dataDir: string,
  keys: DomainKeys,
  sealer?: TextSealer,
): Promise<void> {
  const path = join(keyDirectory(dataDir, keys.domain), workingFile);
  await replaceFile(path, await json(workingKeysToJson(keys), sealer));
}

/** Writes the identity key of a domain in the place of that on disk, in one step. Throws `state_invalid` without one, `storage_failed`. */
export async function replaceIdentityKey(
  dataDir: string,
  keys: DomainKeys,
  sealer?: TextSealer,
): Promise<void> {
  const path = join(keyDirectory(dataDir, keys.domain), identityFile);
  await replaceFile(path, await json(domainIdentityToJson(keys), sealer));
}

/** Takes the identity key of a domain from the disk: somebody has it elsewhere. Throws `storage_failed`. */
export async function removeIdentityKey(dataDir: string, domain: string): Promise<void> {
  const directory = keyDirectory(dataDir, domain);
  await rm(join(directory, identityFile), { force: true }).catch((cause: unknown) => {
    throw failed(directory, cause);
  });
  await syncDirectory(directory);
}

/**
 * The keys of all domains below the data directory, by name; none where nothing was made yet. Throws `config_invalid`
 * for a file that others may open, or that is encrypted while no `sealer` is given, `open_failed` for another passphrase,
 * `state_invalid` for a damaged file; all name the file.
 */
export async function loadDomainKeys(dataDir: string, sealer?: TextSealer): Promise<readonly DomainKeys[]> {
  const above = join(dataDir, 'keys');
  return await Promise.all((await domainNames(above)).map((name) => loadKeys(above, name, sealer)));
}

/**
 * Writes the files that are not as they should be anew, encrypted or plain as `to` says. `from` opens what is encrypted now. Gives how many were written. Broken off, it can be repeated. Throws as
 * `loadDomainKeys`, and then every file is whole, as it was or as it should be.
 */
export async function rewriteKeyFiles(
  dataDir: string,
  { from, to }: { readonly from?: TextSealer | undefined; readonly to?: TextSealer | undefined },
): Promise<number> {
  const above = join(dataDir, 'keys');
  let written = 0;
  for (const name of await domainNames(above)) {
    for (const file of [workingFile, identityFile]) {
      const path = join(above, name, file);
      const text = await readPrivateFile(path, maxKeyFile);
      if (text === undefined || !(await isToBeWritten(text, from, to))) continue;
      const plain = await plainText(text, path, from);
      await replaceFile(path, to === undefined ? plain : await to.seal(plain));
      written++;
    }
  }
  return written;
}

/** Removes what a crash left half written: it may hold secrets. */
export async function removeDrafts(dataDir: string): Promise<void> {
  const above = join(dataDir, 'keys');
  for (const name of await domainNames(above))
    for (const left of await readdir(join(above, name)).catch(() => []))
      if (isDraft(left)) await rm(join(above, name, left), { force: true });
}

/** Whether a file is to be written anew: one that `to` opens was written already. */
async function isToBeWritten(
  text: string,
  from: TextSealer | undefined,
  to: TextSealer | undefined,
): Promise<boolean> {
  if (!isSealedText(text)) return to !== undefined;
  if (to === undefined) return true;
  if (from === to) return false;
  return await to.open(text).then(
    () => false,
    () => true,
  );
}

async function domainNames(above: string): Promise<readonly string[]> {
  const names = await readdir(above).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw failed(above, cause);
  });
  // What begins with a dot was left by a crash before it was complete.
  return names.filter((name) => !name.startsWith('.')).sort();
}

async function loadKeys(above: string, name: string, sealer: TextSealer | undefined): Promise<DomainKeys> {
  const working = join(above, name, workingFile);
  const identity = join(above, name, identityFile);
  const workingJson = await readJson(working, sealer);
  if (workingJson === undefined) throw new BeckonError('state_invalid', `${working}: no such file`);
  const keys = inFile(working, () => domainKeysFromJson(workingJson));
  if (keys.domain !== name)
    throw new BeckonError('state_invalid', `${working}: these are the keys of another domain`);
  const identityJson = await readJson(identity, sealer);
  return identityJson === undefined
    ? keys
    : inFile(identity, () => domainKeysFromJson(workingJson, identityJson));
}

async function readJson(path: string, sealer: TextSealer | undefined): Promise<unknown> {
  const text = await readPrivateFile(path, maxKeyFile);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(await plainText(text, path, sealer)) as unknown;
  } catch (error) {
    if (error instanceof BeckonError) throw error;
    // The cause is not passed on: the parser quotes what it was given.
    throw new BeckonError('state_invalid', `${path}: not a key file`);
  }
}

async function plainText(text: string, path: string, sealer: TextSealer | undefined): Promise<string> {
  if (!isSealedText(text)) return text;
  if (sealer === undefined)
    throw new BeckonError('config_invalid', `${path}: encrypted; set keys.passphrase_file`);
  try {
    return await sealer.open(text);
  } catch (cause) {
    if (!(cause instanceof BeckonError)) throw cause;
    throw new BeckonError(cause.code, `${path}: ${cause.message}; nothing was changed`, { cause });
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

async function json(value: unknown, sealer: TextSealer | undefined): Promise<string> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  return sealer === undefined ? text : await sealer.seal(text);
}
