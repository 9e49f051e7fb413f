/** A machine on which a client's process dies at a step of the test's choice, and another one begins over the same files. */
import type { ClientNetwork } from '../../src/client/api.ts';
import { createClient, type Client, type TextFile } from '../../src/client/index.ts';
import { BeckonError } from '../../src/errors.ts';
import { seededRandom } from '../support/identities.ts';
import { memoryFile, type MemoryFile, type World } from './world.ts';

export interface Machine {
  /** A client of a process that dies at its nth step: a write or a request, before or after it has happened. */
  start(steps?: number): Promise<Client>;
  /** How many steps there were since the last start. */
  steps(): number;
  isDead(): boolean;
  readonly sending: MemoryFile;
}

/** The files of an enrolled user, and processes that die over them. */
export function machineOf(
  world: World,
  files: { readonly state: MemoryFile; readonly secrets: MemoryFile },
  { partBytes, name = '' }: { readonly partBytes: number; readonly name?: string },
): Machine {
  const sending = memoryFile();
  let left = Number.POSITIVE_INFINITY;
  let taken = 0;
  let started = 0;
  const step = (): void => {
    taken++;
    if (--left <= 0) throw new BeckonError('internal', 'the power is off');
  };
  const between =
    <A extends readonly unknown[], R>(action: (...all: A) => Promise<R>) =>
    async (...all: A): Promise<R> => {
      step();
      const result = await action(...all);
      step();
      return result;
    };
  const file = (memory: MemoryFile): TextFile => ({
    read: () => memory.read(),
    write: between((text: string) => memory.write(text)),
  });
  const network = (): ClientNetwork => {
    const { https, remote, ...rest } = world.network();
    return {
      ...rest,
      https: { ...https, request: between(https.request) },
      remote: {
        ...remote,
        fetchMessage: between(remote.fetchMessage),
        fetchPayload: between(remote.fetchPayload),
        accept: between(remote.accept),
      },
    };
  };
  return {
    sending,
    steps: () => taken,
    isDead: () => left <= 0,
    async start(steps = Number.POSITIVE_INFINITY) {
      left = steps;
      taken = 0;
      return await createClient({
        state: file(files.state),
        secrets: file(files.secrets),
        sending: file(sending),
        connect: network,
        clock: world.clock,
        random: seededRandom(`${name} process ${started++}`),
        wait: async () => {},
        partBytes,
      });
    },
  };
}
