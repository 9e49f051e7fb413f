/** The directory of a client's state: its files, and the lock that lets one command at a time change them. */
import { readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { lock } from 'proper-lockfile';
import { isDraft, makePrivateDirectory, readPrivateFile, replaceFile } from '../admin/durable-file.ts';
import { BeckonError } from '../errors.ts';
import type { TextFile } from '../client/api.ts';
import type { HomeOption } from './command.ts';
import type { Face } from './face.ts';

export interface Home {
  readonly directory: string;
  readonly state: TextFile;
  /** What never leaves this device. */
  readonly device: TextFile;
  /** What is being sent, until all of it is at the domain. */
  readonly sending: TextFile;
  /** Of the messages that were read here, by number. */
  readonly messages: string;
  unlock(): Promise<void>;
}

/** States of years fit; what is larger is no state of ours. */
const maxBytes = 1 << 30;
/** A lock is taken over after this long without a sign of life of its owner. */
const staleMs = 5000;
/** Every 200 ms; so many that also the lock of a killed command is waited out. */
const lockTries = 30;

/** `--home`, else $XDG_DATA_HOME/beckon, else ~/.local/share/beckon. */
export function homeDirectory(face: Face, { home }: HomeOption): string {
  if (home !== undefined) return face.path(home);
  const { XDG_DATA_HOME: data = '', HOME: user } = face.environment;
  return join(isAbsolute(data) ? data : join(user || homedir(), '.local', 'share'), 'beckon');
}

/** Makes the directory where it is missing, and waits a moment for the lock. Throws `state_locked`, `storage_failed`. */
export async function openHome(directory: string, tries = lockTries): Promise<Home> {
  await makePrivateDirectory(directory);
  let lost = false;
  const release = await lock(directory, {
    lockfilePath: join(directory, 'lock'),
    realpath: false,
    stale: staleMs,
    update: staleMs / 5,
    retries: { retries: tries, minTimeout: 200, maxTimeout: 200 },
    onCompromised: () => (lost = true),
  }).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ELOCKED')
      throw new BeckonError('state_locked', `${directory} is in use by another command`, { cause });
    throw new BeckonError('storage_failed', `${directory} cannot be locked`, { cause });
  });
  await removeDrafts(directory);
  const file = (name: string): TextFile => textFile(join(directory, name), () => lost);
  return {
    directory,
    state: file('state.json'),
    device: file('device.json'),
    sending: file('sending.json'),
    messages: join(directory, 'messages'),
    unlock: () => release().catch(() => undefined),
  };
}

/** What a command that was killed was writing may hold keys of messages that are gone since. */
async function removeDrafts(directory: string): Promise<void> {
  const left = (await readdir(directory).catch(() => [])).filter(isDraft);
  for (const name of left) await rm(join(directory, name), { force: true }).catch(() => undefined);
}

function textFile(path: string, isLockLost: () => boolean): TextFile {
  return {
    read: () => readPrivateFile(path, maxBytes),
    async write(text) {
      if (isLockLost())
        throw new BeckonError('state_locked', 'another command took over: this one slept for too long');
      await replaceFile(path, text);
    },
  };
}
