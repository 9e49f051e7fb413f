/** A worker on a store whose end is not its own choice: what it acknowledged, against what is there afterwards. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/clock.ts';
import { checkStore } from '../../src/store/check.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { SentMessage } from '../../src/store/api/transit.ts';
import { openStore } from '../../src/store/store.ts';
import { headerOf, keptOf, owner, payloadOf, readNumber, stateOf } from './crash-worker.ts';
import { collected, sha256 } from './fixture.ts';

/** What the worker acknowledged, by word: hex of ids. */
export type Said = Map<string, Set<string>>;

export interface Work {
  /** Of the store. */
  readonly dir: string;
  readonly said: Said;
  /** A command to run it under: its words before `node`. */
  readonly under?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Its errors are expected, and not shown. */
  readonly quiet?: boolean;
  /** Once the store is open and the load begins. */
  readonly ready: (child: ChildProcess) => unknown;
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Starts the worker, notes what it acknowledges, and waits for its end. */
export async function work({
  dir,
  said,
  under = [],
  environment = {},
  quiet = false,
  ready,
}: Work): Promise<End> {
  const [command, ...words] = [...under, process.execPath];
  const child = spawn(command, [...words, join(import.meta.dirname, 'crash-worker.ts'), dir], {
    stdio: ['ignore', 'pipe', quiet ? 'ignore' : 'inherit'],
    // A group of its own, so that it can be ended with what it runs under.
    detached: true,
    env: { ...process.env, ...environment },
  });
  const ended = new Promise<End>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = '', hex = ''] = line.split(' ');
    if (word === 'ready') ready(child);
    else if (hex !== '') said.set(word, (said.get(word) ?? new Set()).add(hex));
  }
  return await ended;
}

/** Ends a worker, and what it runs under, at once; it may have ended by itself. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What was acknowledged and is not there, and what is there and contradicts itself: nothing, if all is well. */
export async function losses(dir: string, said: Said): Promise<readonly string[]> {
  const { findings } = await checkStore({ dir, payloads: true });
  const wrong = findings.map(({ table, problem, row }) => `${table} ${row}: ${problem}`);
  const store = await openStore({ dir, clock: systemClock, onFailure: () => wrong.push('the disk failed') });
  try {
    const sent = await allSent(store);
    return [
      ...wrong,
      ...lostMessages(said, sent),
      ...(await changedMessages(store, sent)),
      ...(await lostRefs(store, said)),
      ...(await lostStates(store, said)),
      ...(await lostKept(store, said)),
    ];
  } finally {
    await store.close();
  }
}

async function allSent(store: Store): Promise<readonly SentMessage[]> {
  const sent: SentMessage[] = [];
  let after: Uint8Array | undefined;
  do {
    const page = await store.transit.list(owner, { limit: 500, after });
    sent.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return sent;
}

/** What was acknowledged is as it was left; an end that was under way may have come about or not. */
function lostMessages(said: Said, sent: readonly SentMessage[]): readonly string[] {
  const states = new Map(sent.map(({ idHash, state }) => [Buffer.from(idHash).toString('hex'), state]));
  const has = (word: string, id: string) => said.get(word)?.has(id) === true;
  const isWrong = (id: string) => {
    const state = states.get(id);
    if (has('accepted', id)) return state !== 'accepted';
    if (has('withdrawn', id)) return state !== 'withdrawn';
    return has('ending', id) ? state === undefined : state !== 'stored';
  };
  return [...(said.get('stored') ?? [])]
    .filter(isWrong)
    .map((id) => `message ${id}: ${states.get(id) ?? 'lost'}`);
}

async function changedMessages(store: Store, sent: readonly SentMessage[]): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { idHash, state } of sent) {
    const live = await store.transit.read(idHash);
    if ((live !== undefined) !== (state === 'stored')) wrong.push('a message is there by half');
    if (live === undefined) continue;
    const isSame =
      Buffer.compare(live.header, headerOf(idHash)) === 0 &&
      Buffer.compare(live.blob.hash, sha256(payloadOf(idHash))) === 0;
    if (!isSame) wrong.push('a message is another than was stored');
  }
  return wrong;
}

/** The last state that was acknowledged, or a later one: each worker may have written one that it was killed before telling of. */
async function lostStates(store: Store, said: Said): Promise<readonly string[]> {
  const numbers = [...(said.get('state') ?? [])].map((hex) => readNumber(bytes(hex)));
  const last = numbers.reduce((most, n) => Math.max(most, n), 0);
  const found = await store.states.get(owner);
  if (found === undefined) return last === 0 ? [] : [`state ${last}: lost`];
  const there = readNumber(await collected(store.blobs.read(found, 0, 4)));
  const isGood = there >= last && Buffer.compare(found.hash, sha256(stateOf(there))) === 0;
  return isGood ? [] : [`state ${last}: lost, ${there} is there`];
}

async function lostKept(store: Store, said: Said): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const hex of said.get('kept') ?? []) {
    const found = await store.kept.get(owner, bytes(hex));
    const isGone = found === undefined && said.get('dropping')?.has(hex) === true;
    const isSame = found !== undefined && Buffer.compare(found.hash, sha256(keptOf(bytes(hex)))) === 0;
    if (!isGone && !isSame) wrong.push(`kept ${hex}: lost`);
  }
  return wrong;
}

async function lostRefs(store: Store, said: Said): Promise<readonly string[]> {
  const now = systemClock.seconds();
  const waiting = async (hex: string) => {
    const { items } = await store.pending.poll('alpha.test', bytes(hex), { limit: 1, now });
    return items.length;
  };
  const wrong: string[] = [];
  for (const hex of said.get('done') ?? [])
    if ((await waiting(hex)) > 0) wrong.push(`ref ${hex}: risen again`);
  for (const hex of said.get('admitted') ?? [])
    if (bytes(hex)[0]! % 2 === 0 && (await waiting(hex)) === 0) wrong.push(`ref ${hex}: lost`);
  return wrong;
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** Of each word how often it was said, for the log. */
export function figures(said: Said): string {
  return [...said].map(([word, ids]) => `${ids.size} ${word}`).join(', ');
}
