import test from 'ava';
import { systemClock } from '../../src/clock.ts';
import { systemRandom, type Random } from '../../src/crypto/random.ts';
import { xwingDecapsulate, xwingPublic, type Encapsulate } from '../../src/crypto/xwing.ts';
import { createEncapsulator, type Encapsulator } from '../../src/daemon-encapsulate.ts';
import { silentLog } from '../../src/log.ts';

const seeds = Array.from({ length: 6 }, () => systemRandom(32));
const publicKeys = seeds.map(xwingPublic);

/** Counts what is made on this thread. */
function counted(): { readonly random: Random; made(): number } {
  let made = 0;
  return {
    random(length) {
      made++;
      return systemRandom(length);
    },
    made: () => made,
  };
}

function create(random: Random, options: Partial<Parameters<typeof createEncapsulator>[0]> = {}) {
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (event: string) => void warnings.push(event) };
  return { ...createEncapsulator({ clock: systemClock, random, log, threads: 1, ...options }), warnings };
}

/** Takes one for each key, and gives how many of them fit their key. */
function fitting(encapsulate: Encapsulate): number {
  return publicKeys.filter((publicKey, i) => {
    const { sharedSecret, enc } = encapsulate(publicKey);
    return Buffer.compare(xwingDecapsulate(seeds[i]!, enc), sharedSecret) === 0;
  }).length;
}

/** Asks until all that was asked for came from a thread: while it starts, this one does it. */
async function untilThread(prepare: Encapsulator['prepare'], made: () => number): Promise<void> {
  for (;;) {
    const encapsulate = await prepare(publicKeys);
    const before = made();
    for (const publicKey of publicKeys) encapsulate(publicKey);
    if (made() === before) return;
  }
}

test('a thread makes what fits the keys, each for one seal; what is asked for beyond that is made here', async (t) => {
  const { random, made } = counted();
  const { prepare, close, warnings } = create(random);
  t.teardown(close);
  await untilThread(prepare, made);
  const before = made();
  const encapsulates = await Promise.all([prepare(publicKeys), prepare(publicKeys)]);
  const taken = encapsulates.flatMap((encapsulate) => publicKeys.map((key) => encapsulate(key)));
  t.is(made(), before);
  t.is(new Set(taken.map(({ enc }) => Buffer.from(enc).toString('hex'))).size, 2 * publicKeys.length);
  for (const [i, { sharedSecret, enc }] of taken.entries())
    t.deepEqual(xwingDecapsulate(seeds[i % seeds.length]!, enc), sharedSecret);
  for (const encapsulate of encapsulates) t.is(fitting(encapsulate), publicKeys.length);
  t.is(made(), before + 2 * publicKeys.length);
  t.deepEqual(warnings, []);
});

test('of little nothing goes to a thread, and without threads all of it is made here', async (t) => {
  const { random, made } = counted();
  const little = create(random);
  const alone = create(random, { threads: 0 });
  t.teardown(little.close);
  await untilThread(little.prepare, made);
  for (const { prepare } of [little, alone]) {
    const before = made();
    const encapsulate = await prepare(publicKeys.slice(0, 2));
    t.is(fitting(encapsulate), publicKeys.length);
    t.is(made(), before + publicKeys.length);
  }
});

test('a thread that ends loses nothing: this one makes what it had, says so once, and leaves the threads alone', async (t) => {
  const { random, made } = counted();
  const thread = new URL('./thread-that-ends.ts', import.meta.url);
  const { prepare, close, warnings } = create(random, { thread });
  t.teardown(close);
  while (warnings.length === 0) t.is(fitting(await prepare(publicKeys)), publicKeys.length);
  const before = made();
  t.is(fitting(await prepare(publicKeys)), publicKeys.length);
  t.is(made(), before + publicKeys.length);
  t.is(warnings.length, 1);
});

test('a key that is none is refused where it is used, and harms no other', async (t) => {
  const { random, made } = counted();
  const { prepare, close } = create(random);
  t.teardown(close);
  await untilThread(prepare, made);
  const wrong = new Uint8Array(1216).fill(255);
  const [sound, unsound] = await Promise.all([prepare(publicKeys), prepare([wrong])]);
  t.is(fitting(sound), publicKeys.length);
  t.throws(() => unsound(wrong), { code: 'key_invalid' });
});

test('after the end, and while it is asked for, everything is made here', async (t) => {
  const { random, made } = counted();
  const { prepare, close } = create(random);
  await untilThread(prepare, made);
  const asked = prepare(publicKeys);
  await close();
  for (const encapsulate of [await asked, await prepare(publicKeys)])
    t.is(fitting(encapsulate), publicKeys.length);
});
