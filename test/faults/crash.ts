/**
 * kill -9 under load: two hosters in processes of their own, people at both who write to each other without end.
 *
 *  1. both daemons are killed at random moments and started again, while everybody sends, reads and takes back
 *  2. then nobody sends any more; one after the other they are started on a clock so far ahead that no message waits for its next
 *     turn, and everybody reads until what was acknowledged is where it belongs
 *  3. what is not there yet may wait for a program that does not ask again so soon: everybody opens theirs anew, and reads once more
 *  4. what was acknowledged is compared with what arrived, and the stores are searched for what is there by half; of what is missing is
 *     told where it is
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { systemClock as clock } from '../../src/clock.ts';
import { checkStore } from '../../src/store/check.ts';
import { openStore } from '../../src/store/store.ts';
import { eventually } from '../network/eventually.ts';
import type { Hoster } from '../network/hoster.ts';
import { startTownWith } from '../network/town.ts';
import { createCorrespondent, type Correspondent, type Sending } from './correspondent.ts';
import { createProcesses, type Processes } from './process.ts';
import { outcomeOf, whereAre, type Missing } from './where.ts';

export interface CrashOptions {
  /** Of each of the two daemons. */
  readonly kills: number;
  /** Decides when is killed and what is sent; not how the machine takes it. */
  readonly seed: number;
  /** The longest that a daemon lives, in milliseconds. */
  readonly longestLife: number;
}

export interface CrashReport {
  readonly kills: number;
  /** Messages by recipient: sent, acknowledged, acknowledged as taken back, arrived without acknowledgement. */
  readonly attempted: number;
  readonly acknowledged: number;
  readonly takenBack: number;
  readonly unacknowledged: number;
  readonly errors: Readonly<Record<string, number>>;
  /** What came only once its recipient opened the program anew, and why. */
  readonly late: readonly string[];
  /** Whatever is not as it must be. */
  readonly wrong: readonly string[];
}

const names = ['a', 'b', 'c'];
/** No turn is further away in so young a schedule, seconds (wire-spec/timing.md section 2). */
const nextTurn = 700;
/** With these a daemon is an hour ahead of the clients, nearly: more would be too much for their proofs. */
const turns = 5;
/** Further ones, on the same clock. */
const furtherTurns = 2;
/** How long after a turn everybody reads, in milliseconds. */
const patience = 3000;
/** What a command may say when a daemon dies under it, or everybody asks at once. */
const expectedErrors = [
  'network_failed',
  'tls_failed',
  'unavailable',
  'discovery_later',
  'message_gone',
  'rate_limited',
];

/** Runs it all. Throws where a daemon does not start, or ends by itself. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const draw = mulberry32(options.seed);
  const processes = createProcesses();
  await using town = await startTownWith({}, clock, [], processes.run);
  const sides = ['alpha', 'beta'].map((name) => ({
    hoster: town.hoster(name),
    people: [] as Correspondent[],
  }));
  for (const { hoster, people } of sides)
    for (const name of names) {
      const person = await town.enroll(`${name}@${hoster.name}.test`);
      people.push(createCorrespondent(person, mulberry32(Math.floor(draw() * 2 ** 32))));
    }
  const everybody = sides.flatMap(({ people }) => people);
  const addresses = (people: readonly Correspondent[]): string[] =>
    people.map(({ person }) => person.address);

  const over = new AbortController();
  const work = sides.flatMap(({ people }, side) => {
    const others = addresses(sides[1 - side]?.people ?? []);
    return people.map((somebody) => somebody.work(others, over.signal));
  });
  const killing = sides.map(({ hoster }) => killAgainAndAgain(hoster, options, draw));
  try {
    await Promise.race([Promise.all(killing), Promise.all(work)]);
    // However slow the machine is, something was acknowledged.
    const isAcknowledged = ({ sendings }: Correspondent) =>
      sendings.some(({ number }) => number !== undefined);
    await eventually('acknowledgement', () => everybody.some(isAcknowledged) || undefined);
  } finally {
    over.abort();
    await Promise.allSettled([...work, ...killing]);
  }
  await Promise.all([...work, ...killing]);

  const { late, misplaced: lost } = await settle(everybody, town.hosters(), processes);
  const wrong = lost.map(({ line }) => line);
  for (const { hoster } of sides) await hoster.stop();
  wrong.push(...(await whereAre(lost, town.hosters())));
  for (const { hoster, people } of sides) wrong.push(...(await halfStates(hoster, people)));
  wrong.push(...processes.logged.filter((line) => line.includes('"level":50')));
  return report(options, everybody, { late, wrong });
}

async function killAgainAndAgain(
  hoster: Hoster,
  { kills, longestLife }: CrashOptions,
  draw: () => number,
): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    await setTimeout(draw() * longestLife);
    await hoster.kill();
    await hoster.start();
  }
}

interface Misplaced extends Missing {
  readonly line: string;
}

interface Settled {
  readonly late: readonly string[];
  readonly misplaced: readonly Misplaced[];
}

/** Everybody reads until all is as it must be, or there were turns enough; and then once more with programs that are opened anew. */
async function settle(
  people: readonly Correspondent[],
  hosters: readonly Hoster[],
  processes: Processes,
): Promise<Settled> {
  let turn = 0;
  const untilRight = async (last: number): Promise<readonly Misplaced[]> => {
    let found: readonly Misplaced[] = [];
    while (turn < last) {
      processes.putAhead(Math.min(++turn, turns) * nextTurn);
      for (const hoster of hosters) {
        // The others are up: what this one sends arrives.
        await hoster.restart();
        found = await readAll(people);
        if (found.length === 0) return found;
      }
    }
    return found;
  };
  const found = await untilRight(turns);
  if (found.length === 0) return { late: [], misplaced: [] };
  const late = await Promise.all(
    found.map(async ({ line, from, to }) => `${line}; the recipient: ${await outcomeOf(to, from.address)}`),
  );
  for (const { person } of people) await person.restart();
  return { late, misplaced: await untilRight(turns + furtherTurns) };
}

/** Everybody reads until all is as it must be, or for a while; gives what is wrong then. */
async function readAll(people: readonly Correspondent[]): Promise<readonly Misplaced[]> {
  for (const end = performance.now() + patience; ;) {
    await Promise.all(people.map((somebody) => somebody.read()));
    const wrong = (await Promise.all(people.map((somebody) => misplaced(somebody, people)))).flat();
    if (wrong.length === 0 || performance.now() > end) return wrong;
    await setTimeout(100);
  }
}

/** What somebody sent that is not where it belongs. */
async function misplaced(
  sender: Correspondent,
  people: readonly Correspondent[],
): Promise<readonly Misplaced[]> {
  const from = sender.person;
  const listed = new Map((await from.client().sent()).map((entry) => [entry.number, entry]));
  return sender.sendings.flatMap((sending) =>
    sending.to.flatMap((address) => {
      const recipient = people.find(({ person }) => person.address === address);
      const { number = -1, text } = sending;
      const state = listed.get(number)?.recipients.find(({ to }) => to === address)?.state;
      const read = recipient?.texts.get(text) ?? 0;
      if (recipient === undefined || isRight(sending, address, read, state)) return [];
      const place = `${state ?? 'unlisted'}, read ${read} times`;
      const line = `${text.trimEnd().slice(0, 40)} to ${address}: ${place}, ${JSON.stringify(sending.retracted)}`;
      return [{ from, number: sending.number, to: recipient.person, line }];
    }),
  );
}

function isRight(
  { number, retracted }: Sending,
  to: string,
  read: number,
  state: string | undefined,
): boolean {
  if (read > 1) return false;
  if (number === undefined) return true;
  if (retracted === undefined) return read === 1 && state === 'accepted';
  switch (retracted === 'unknown' ? retracted : retracted[to]) {
    case 'withdrawn':
      return read === 0 && state === 'withdrawn';
    case 'withdrawn_maybe_read':
      return state === 'withdrawn';
    case 'already_accepted':
      return read === 1 && state === 'accepted';
    default:
      return state === 'withdrawn' || (read === 1 && state === 'accepted');
  }
}

/** What the tables of a stopped daemon hold that does not fit together. */
async function halfStates(hoster: Hoster, people: readonly Correspondent[]): Promise<readonly string[]> {
  const { findings } = await checkStore({ dir: join(hoster.data, 'store'), payloads: true });
  const wrong = findings.map(({ table, problem }) => `${hoster.name}: ${table}: ${problem}`);
  const store = await openStore({
    dir: join(hoster.data, 'store'),
    clock,
    onFailure: (error) => void wrong.push(`the disk failed: ${String(error)}`),
  });
  const { users } = await store.stats();
  if (users !== people.length) wrong.push(`${hoster.name}: counts ${users} users`);
  await store.close();
  return wrong;
}

function report(
  { kills }: CrashOptions,
  people: readonly Correspondent[],
  { late, wrong }: { readonly late: readonly string[]; readonly wrong: string[] },
): CrashReport {
  const sendings = people.flatMap((somebody) => somebody.sendings);
  const acknowledged = sendings.filter(({ number }) => number !== undefined);
  const copies = (list: readonly Sending[]): number => list.reduce((sum, { to }) => sum + to.length, 0);
  const read = people.reduce((sum, { texts }) => sum + texts.size, 0);
  const readOf = new Map(people.map(({ person, texts }) => [person.address, texts]));
  const takenBack = acknowledged.filter(({ retracted }) => typeof retracted === 'object');
  const confirmed = acknowledged.flatMap(({ to, text }) => to.filter((one) => readOf.get(one)?.has(text)));
  const errors = new Map<string, number>();
  for (const [code, count] of people.flatMap((somebody) => [...somebody.errors]))
    errors.set(code, (errors.get(code) ?? 0) + count);
  for (const code of errors.keys())
    if (!expectedErrors.includes(code)) wrong.push(`a command failed: ${code}`);
  return {
    kills: 2 * kills,
    attempted: copies(sendings),
    acknowledged: copies(acknowledged),
    takenBack: copies(takenBack),
    unacknowledged: read - confirmed.length,
    errors: Object.fromEntries(errors),
    late,
    wrong,
  };
}

/** A small generator of numbers in [0, 1), the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
