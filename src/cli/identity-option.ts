/** `--identity FILE`: the identity key of a domain, brought for one command. */
import { Option } from 'commander';
import { readIdentityFile } from '../admin/identity-file.ts';
import { readPassphrase } from '../admin/key-sealer.ts';
import { codeOf } from '../errors.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';

export interface IdentityOptions {
  readonly identity?: string;
  readonly passphraseFile?: string;
}

export function identityOption(): Option {
  return new Option('--identity <file>', 'the identity key of the domain, where it is kept offline');
}

export function passphraseOption(): Option {
  return new Option('--passphrase-file <file>', 'the passphrase of that file, where it is encrypted');
}

/** What the file holds; undefined where none is named. Throws as `readIdentityFile`. */
export async function readIdentityOption(
  face: Face,
  { identity, passphraseFile }: IdentityOptions,
): Promise<object | undefined> {
  if (identity === undefined) return undefined;
  return await readIdentityFile(face.path(identity), await readPassphraseOption(face, passphraseFile));
}

export async function readPassphraseOption(
  face: Face,
  file: string | undefined,
): Promise<string | undefined> {
  return file === undefined ? undefined : await readPassphrase(face.path(file));
}

/** What is to be done where the identity key is missing or is another one. */
export async function withIdentityAdvice<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (cause) {
    const message = (cause as Error).message;
    if (codeOf(cause) === 'conflict' && message.includes('identity key'))
      throw new AdvisedError(
        'conflict',
        message,
        'bring the file that `beckon keys export --identity` wrote',
        {
          cause,
        },
      );
    if (codeOf(cause) === 'state_invalid' && message.includes('identity key'))
      throw new AdvisedError(
        'state_invalid',
        message,
        'name the file of this domain, which no later change of its identity replaced',
        {
          cause,
        },
      );
    throw cause;
  }
}
