/** The passphrase that key files are encrypted under, where the configuration names a file that holds one. */
import { open } from 'node:fs/promises';
import type { Config } from '../config.ts';
import type { Random } from '../crypto/random.ts';
import { createTextSealer, type TextSealer } from '../crypto/sealed-text.ts';
import { BeckonError } from '../errors.ts';

const maxPassphraseFile = 4096;
/** Read by everybody, or written by a group. A group may read: so systemd shows its credentials, which only the service can open. */
const refusedModes = 0o027;

/** Undefined where key files are plain. Throws `config_invalid` for a passphrase file that is not there, is empty or is open to others. */
export async function keySealer(
  { keys }: Pick<Config, 'keys'>,
  random: Random,
): Promise<TextSealer | undefined> {
  return keys.passphraseFile === null ? undefined : await sealerOfFile(keys.passphraseFile, random);
}

/** The sealer of the passphrase in a file. Throws `config_invalid` as `keySealer`. */
export async function sealerOfFile(path: string, random: Random): Promise<TextSealer> {
  return createTextSealer(await readPassphrase(path), random);
}

/** The first line of a file. Throws as `keySealer`. */
export async function readPassphrase(path: string): Promise<string> {
  const { text, mode } = await readSmall(path);
  if ((mode & refusedModes) !== 0)
    throw new BeckonError('config_invalid', `${path}: others may open it; run: chmod 600 ${path}`);
  const passphrase = text.split('\n')[0]?.replace(/\r$/, '') ?? '';
  if (passphrase === '')
    throw new BeckonError('config_invalid', `${path}: its first line is empty: no passphrase`);
  return passphrase;
}

async function readSmall(path: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    await using file = await open(path, 'r');
    const { mode, size } = await file.stat();
    if (size <= maxPassphraseFile) return { text: await file.readFile('utf8'), mode };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new BeckonError('config_invalid', `${path}: the passphrase cannot be read (${code})`, { cause });
  }
  throw new BeckonError('config_invalid', `${path}: larger than a passphrase can be`);
}
