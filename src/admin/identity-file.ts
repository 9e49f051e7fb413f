/** The identity key of a domain as a file that its operator keeps elsewhere, plain or under a passphrase. */
import type { Random } from '../crypto/random.ts';
import { isSealedText, openText, sealText } from '../crypto/sealed-text.ts';
import { BeckonError } from '../errors.ts';
import { readPrivateFile, writeNewFile } from './durable-file.ts';

const maxIdentityFile = 64 * 1024;

/** Writes it for its owner alone, and reads it again. Throws `exists`, `storage_failed`. */
export async function writeIdentityFile(
  path: string,
  identity: object,
  random: Random,
  passphrase?: string,
): Promise<void> {
  const text = `${JSON.stringify(identity, null, 2)}\n`;
  await writeNewFile(path, passphrase === undefined ? text : await sealText(text, passphrase, random));
  const written = await readIdentityFile(path, passphrase);
  if (JSON.stringify(written) !== JSON.stringify(identity))
    throw new BeckonError('storage_failed', `${path}: it does not read as it was written`);
}

/**
 * What `writeIdentityFile` wrote, or an `identity.json` of a key directory; the daemon checks that it is the right one. Throws
 * `config_invalid` for a file that others may open, `not_found`, `usage` where it is encrypted and no passphrase is given,
 * `open_failed` for another passphrase, `state_invalid`.
 */
export async function readIdentityFile(path: string, passphrase?: string): Promise<object> {
  const text = await readPrivateFile(path, maxIdentityFile);
  if (text === undefined) throw new BeckonError('not_found', `${path}: no such file`);
  const sealed = isSealedText(text);
  if (sealed && passphrase === undefined)
    throw new BeckonError(
      'usage',
      `${path}: encrypted; name the file of its passphrase with --passphrase-file`,
    );
  const value = parsed(sealed && passphrase !== undefined ? await openText(text, passphrase) : text);
  if (value === undefined) throw new BeckonError('state_invalid', `${path}: not the file of an identity key`);
  return value;
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
