/** The client library at work on this machine: its network from the environment, its state from the home directory. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, TextFile } from '../client/api.ts';
import { network, path, resolverAddress, type Kind } from '../config-values.ts';
import type { HomeOption } from './command.ts';
import { setSendingAside } from './drafts.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import { homeDirectory, openHome, type Home } from './home.ts';
import { protectedHome } from './passphrase.ts';

/** How the outside is reached, from BECKON_RESOLVERS, BECKON_ALLOW and BECKON_CA_FILES: lists separated by commas. */
export interface Surroundings {
  /** Empty: those of the system. */
  readonly resolvers: readonly string[];
  /** Private networks that may be dialled. */
  readonly allow: readonly string[];
  readonly caFiles: readonly string[];
}

/** Makes a client over its files; put together by main, because it takes parts of many rooms. */
export type CreateClient = (
  files: { readonly state: TextFile; readonly device: TextFile; readonly sending: TextFile },
  surroundings: Surroundings,
) => Promise<Client>;

export interface ClientParts {
  readonly face: Face;
  readonly createClient: CreateClient;
}

/** Throws `usage` for a variable that is not what it must be. */
export function readSurroundings(face: Face): Surroundings {
  const list = <T>(name: string, kind: Kind<T>): T[] =>
    (face.environment[name] ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map((item) => {
        const value = kind.read(item, face.path('.'));
        if (value === undefined) throw misused(`environment: ${name}: must be a list, each ${kind.expected}`);
        return value;
      });
  return {
    resolvers: list('BECKON_RESOLVERS', resolverAddress),
    allow: list('BECKON_ALLOW', network),
    caFiles: list('BECKON_CA_FILES', path),
  };
}

/** Runs with the client of an enrolled user, alone on its state. Throws `unauthorized` before enrolment. */
export async function withClient<T>(
  parts: ClientParts,
  options: HomeOption,
  action: (client: Client, home: Home) => Promise<T>,
): Promise<T> {
  const { result, close } = await withClientLeftOpen(parts, options, action);
  await close();
  return result;
}

/** What an action gave, and a client that is still connected. */
export interface LeftOpen<T> {
  readonly result: T;
  close(): Promise<void>;
}

/** As `withClient`, but what goes on in the network goes on until `close`; the state is anybody's from now on. */
export async function withClientLeftOpen<T>(
  parts: ClientParts,
  options: HomeOption,
  action: (client: Client, home: Home) => Promise<T>,
): Promise<LeftOpen<T>> {
  const directory = homeDirectory(parts.face, options);
  const state = await stat(join(directory, 'state.json')).catch(() => undefined);
  if (state === undefined)
    throw new AdvisedError(
      'unauthorized',
      `nobody is enrolled in ${directory}`,
      'beckon enroll INVITATION, or name the right directory with --home',
    );
  return await openAndLeave(parts, options, async (client, home) => {
    if (client.address() === undefined)
      throw new AdvisedError(
        'unauthorized',
        `the enrolment in ${directory} was not finished`,
        'run beckon enroll again, with that invitation or a new one',
      );
    return await action(client, home);
  });
}

/** The same where there may be no user yet. `underPassphrase`: the files are to be, if they are not. */
export async function withNewClient<T>(
  parts: ClientParts,
  options: HomeOption,
  action: (client: Client, home: Home) => Promise<T>,
  underPassphrase = false,
): Promise<T> {
  const { result, close } = await openAndLeave(parts, options, action, underPassphrase);
  await close();
  return result;
}

/** Nothing is lost: whoever knows what the file should say can mend it. */
async function sayAside(face: Face, home: Home): Promise<void> {
  const name = await setSendingAside(home);
  face.warn(
    `the list of what was not sent to its end is damaged: it is kept as ${name} in ${home.directory}; look at "beckon sent" for what is missing there`,
  );
}

async function openAndLeave<T>(
  { face, createClient }: ClientParts,
  options: HomeOption,
  action: (client: Client, home: Home) => Promise<T>,
  underPassphrase = false,
): Promise<LeftOpen<T>> {
  const surroundings = readSurroundings(face);
  const plain = await openHome(homeDirectory(face, options));
  try {
    const home = await protectedHome(face, plain, underPassphrase);
    const sending = { ...home.sending, setAside: () => sayAside(face, home) };
    const client = await createClient({ ...home, sending }, surroundings);
    try {
      return { result: await action(client, home), close: () => client.close() };
    } catch (error) {
      await client.close();
      throw error;
    }
  } finally {
    await plain.unlock();
  }
}
