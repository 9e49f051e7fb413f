/** kill -9 under load: what was acknowledged is there, and nothing is there by half. More with BECKON_CRASH_ROUNDS. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../src/clock.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { SentMessage } from '../../src/store/api/transit.ts';
import { checkStore } from '../../src/store/check.ts';
import { openStore } from '../../src/store/store.ts';
import { headerOf, owner, payloadOf } from './crash-worker.ts';
import { collected, sha256, temporaryDir } from './fixture.ts';

const rounds = Number(process.env['BECKON_CRASH_ROUNDS'] ?? 5);

/** What the worker said, by word: hex of ids. */
type Said = Map<string, Set<string>>;

/** Starts the worker, lets it work for a while, kills it, and notes what it acknowledged. */
async function workAndDie(dir: string, milliseconds: number, said: Said): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-worker.ts'), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('exit', (_, signal) => resolve(signal)),
  );
  const lines = createInterface({ input: child.stdout });
  let killing: Promise<void> | undefined;
  for await (const line of lines) {
    const [word = '', hex = ''] = line.split(' ');
    if (word === 'ready') killing = setTimeout(milliseconds).then(() => void child.kill('SIGKILL'));
    else if (hex !== '') said.set(word, (said.get(word) ?? new Set()).add(hex));
  }
  await killing;
  if ((await ended) !== 'SIGKILL') throw new Error('the worker ended by itself');
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

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** What was acknowledged is as it was left; an end that was under way may have come about or not. */
function checkAcknowledged(t: ExecutionContext, said: Said, sent: readonly SentMessage[]): void {
  const states = new Map(sent.map(({ idHash, state }) => [Buffer.from(idHash).toString('hex'), state]));
  const has = (word: string, id: string) => said.get(word)?.has(id) === true;
  const wrong = [...(said.get('stored') ?? [])].filter((id) => {
    const state = states.get(id);
    if (has('accepted', id)) return state !== 'accepted';
    if (has('withdrawn', id)) return state !== 'withdrawn';
    return has('ending', id) ? state === undefined : state !== 'stored';
  });
  t.deepEqual(wrong, [], 'acknowledged, and not as it was');
}

async function checkWhole(t: ExecutionContext, store: Store, sent: readonly SentMessage[]): Promise<void> {
  let size = 0;
  for (const { idHash, state } of sent) {
    const live = await store.transit.read(idHash);
    t.is(live !== undefined, state === 'stored');
    if (live === undefined) continue;
    t.deepEqual(live.header, headerOf(idHash));
    const payload = await collected(store.blobs.read(live.blob, 0, live.blob.size));
    t.deepEqual(sha256(payload), sha256(payloadOf(idHash)));
    size += live.header.length + live.envelope.length + payload.length;
  }
  const { messages, bytes: counted, outbox } = await store.stats();
  t.is(messages, sent.filter(({ state }) => state === 'stored').length);
  t.is(outbox, sent.filter(({ state }) => state !== 'accepted').length);
  t.is(counted, size, 'the counts agree with what is there');
}

async function checkPending(t: ExecutionContext, store: Store, said: Said): Promise<void> {
  const now = systemClock.seconds();
  for (const hex of said.get('done') ?? []) {
    const { items } = await store.pending.poll('alpha.test', bytes(hex), { limit: 1, now });
    t.is(items.length, 0, 'what is done stays done');
  }
  const admitted = [...(said.get('admitted') ?? [])].filter((hex) => bytes(hex)[0]! % 2 === 0);
  for (const hex of admitted) {
    const { items } = await store.pending.poll('alpha.test', bytes(hex), { limit: 1, now });
    t.is(items.length, 1, 'what was admitted survives the process');
  }
}

test('kill -9 under load loses nothing that was acknowledged and leaves nothing by half', async (t) => {
  t.timeout(60_000 + rounds * 20_000);
  const dir = temporaryDir(t);
  const said: Said = new Map();
  for (let round = 0; round < rounds; round++) {
    await workAndDie(dir, 300 + ((round * 389) % 700), said);
    const store = await openStore({ dir, clock: systemClock, onFailure: () => t.fail('the disk failed') });
    // Uploads that the end cut off count until they expire.
    while ((await store.uploads.expire(systemClock.seconds() + 2 * 86_400, 100)) > 0);
    while ((await store.blobs.sweep(1000)) > 0);
    const sent = await allSent(store);
    checkAcknowledged(t, said, sent);
    await checkWhole(t, store, sent);
    await checkPending(t, store, said);
    await store.close();
    t.deepEqual((await checkStore({ dir, payloads: true })).findings, []);
  }
  t.log(`${rounds} rounds`, ...[...said].map(([word, ids]) => `${ids.size} ${word}`));
  for (const word of ['stored', 'accepted', 'withdrawn', 'done'])
    t.true((said.get(word)?.size ?? 0) > 0, word);
});
