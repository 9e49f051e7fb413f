/**
 * A conversation between two domains, of which one daemon dies at its nth step, for each n: a change of its store, before or after it is on disk
 * (`dying.ts`). It is started again, and all goes on.
 */
import { setTimeout } from 'node:timers/promises';
import { systemClock as clock } from '../../src/clock.ts';
import { isPin } from '../../src/directory/pin-join.ts';
import { codeOf, type ErrorCode } from '../../src/errors.ts';
import type { Hoster } from '../network/hoster.ts';
import { memoryFile, openPerson, type Person } from '../network/person.ts';
import { startTownWith } from '../network/town.ts';
import { converse, endsOf, type Speaker } from './conversation.ts';
import { createProcesses } from './process.ts';
import { whereAre } from './where.ts';

export interface KillPointOptions {
  /** Whose daemon dies: `alpha` is that of who writes first. */
  readonly side: 'alpha' | 'beta';
  /** From this step on, in steps of `stride`. */
  readonly first: number;
  readonly stride: number;
}

/** What became of a conversation. */
export interface KillPoint {
  readonly step: number;
  /** False where the daemon lived through all of it: there is no such step. */
  readonly died: boolean;
  readonly ways: readonly string[];
  /** What became of what was sent. */
  readonly ends: { readonly ann: readonly string[]; readonly bob: readonly string[] };
  /** What was read. */
  readonly texts: { readonly ann: readonly string[]; readonly bob: readonly string[] };
}

/** What a client says while its domain, or another, is dead. */
const passing: readonly ErrorCode[] = ['network_failed', 'tls_failed', 'unavailable', 'discovery_later'];
/** The longest that a conversation may take, in milliseconds: the first turns of the schedule, on a machine that has much else to do. */
const patience = 240_000;

/** One conversation after the other until the daemon lives through one. */
export async function* killPoints({ side, first, stride }: KillPointOptions): AsyncGenerator<KillPoint> {
  const processes = createProcesses({ mortal: true });
  await using town = await startTownWith({}, clock, [], processes.run);
  const { configFile } = town.hoster(side);
  let end = 0;
  let died = false;

  /** Starts whoever is dead again, to live. Throws after long. */
  async function revive(): Promise<void> {
    if (performance.now() > end) throw new Error(`something never comes: a step of ${side}`);
    for (const hoster of town.hosters()) {
      if (!processes.isDead(hoster.configFile)) continue;
      died = true;
      await processes.dieAt(hoster.configFile, 0);
      await hoster.kill();
      await hoster.start();
    }
  }

  async function speaker(
    address: string,
    hoster: Hoster,
  ): Promise<Speaker & { enroll(): Promise<void>; readonly person: Person }> {
    const { invitation } = await hoster.admin.inviteUser(address);
    const files = { state: memoryFile(), secrets: memoryFile() };
    const person = await openPerson(address, undefined, clock, town.surroundings, files);
    const act: Speaker['act'] = async (deed) => {
      for (;;) {
        try {
          return await deed(person.client());
        } catch (error) {
          if (!passing.includes(codeOf(error))) throw error;
          await revive();
          await setTimeout(50);
        }
      }
    };
    return {
      person,
      address,
      texts: new Set(),
      act,
      enroll: () => act(async (client) => void (await client.enroll(invitation))),
      async forgetRecords() {
        const state = JSON.parse(files.state.text ?? '') as { directory: Record<string, string> };
        const pins = Object.entries(state.directory).filter(([key]) => isPin(key));
        files.state.text = JSON.stringify({ ...state, directory: Object.fromEntries(pins) });
        await person.restart();
      },
    };
  }

  async function pass(): Promise<void> {
    await setTimeout(1000 - (Date.now() % 1000));
    await revive();
  }

  /** Where everything is that was sent and not taken back. */
  async function told(speakers: readonly (Speaker & { readonly person: Person })[]): Promise<string> {
    const known = await Promise.all(speakers.map(({ person }) => person.client().sent()));
    const missing = speakers.flatMap(({ person: from }, at) =>
      (known[at] ?? []).flatMap(({ number, recipients }) => {
        const to = speakers[1 - at]?.person;
        return to === undefined || recipients.every(({ state }) => state !== 'stored')
          ? []
          : [{ from, number, to }];
      }),
    );
    for (const hoster of town.hosters()) await hoster.stop();
    const lines = await whereAre(missing, town.hosters());
    return [...lines, ...processes.logged].join('\n');
  }

  for (let step = first; ; step += stride) {
    end = performance.now() + patience;
    died = false;
    const ann = await speaker(`ann${step}@alpha.test`, town.hoster('alpha'));
    const bob = await speaker(`bob${step}@beta.test`, town.hoster('beta'));
    await processes.dieAt(configFile, step);
    await ann.enroll();
    await bob.enroll();
    const ways = await converse(ann, bob, pass).catch(async (error: unknown) => {
      throw new Error(`step ${step} of ${side}: ${await told([ann, bob])}`, { cause: error });
    });
    const ends = { ann: await endsOf(ann), bob: await endsOf(bob) };
    await revive();
    await processes.dieAt(configFile, 0);
    yield { step, died, ways, ends, texts: { ann: [...ann.texts], bob: [...bob.texts] } };
    if (!died) return;
  }
}
