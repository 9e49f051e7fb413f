/**
 * Key encapsulation on threads of its own: of what sealing a message costs, half are two multiplications and an ML-KEM each for two public
 * keys, and they need nothing else.
 *
 *  1. what is asked for in one turn of the loop is gathered; where it is little, or the threads are not there, it is made here when it is taken
 *  2. the rest goes to the threads in shares: public keys there, shared secrets back
 *  3. what a thread does not give, because it ended say, is made here too, and the threads rest for a while
 *
 * No plaintext and no lasting secret leaves this thread. A shared secret serves one seal and is erased by it.
 */
import { availableParallelism } from 'node:os';
import type { Piscina } from 'piscina';
import type { Clock } from './clock.ts';
import type { Random } from './crypto/random.ts';
import { encapsulateWith, type Encapsulate } from './crypto/xwing.ts';
import { handOut, packPublicKeys, unpackEncapsulated, type PrepareSeals } from './crypto/xwing-batch.ts';
import type { Log } from './log.ts';

export interface Encapsulator {
  readonly prepare: PrepareSeals;
  /** Ends the threads. What is asked for later is made on this one. */
  close(): Promise<void>;
}

export interface EncapsulatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** One processor is left to this thread. */
  readonly threads?: number;
  /** What runs on them, where it is another. */
  readonly thread?: URL;
}

/** Keys of one turn that are worth the way to another thread and back. */
const fewest = 4;
/** Keys of one share: a thread has a millisecond to do with them. */
const mostInShare = 16;
const mostThreads = 2;
/** Without work for so long, a thread ends. */
const idleMs = 60_000;
const restMs = 60_000;
/** Of a thread's heap, which holds some buffers. */
const heapMb = 64;

interface Waiting {
  readonly publicKeys: readonly Uint8Array[];
  readonly done: (encapsulate: Encapsulate) => void;
}

/** Nothing is started before there is enough to do. */
export function createEncapsulator(options: EncapsulatorOptions): Encapsulator {
  const { clock, random, log } = options;
  const threads = options.threads ?? Math.min(mostThreads, availableParallelism() - 1);
  const here = encapsulateWith(random);
  let waiting: Waiting[] = [];
  let pool: Piscina | undefined;
  let starting: Promise<void> | undefined;
  let restUntil = 0;
  let closed = false;

  function flush(): void {
    const all = waiting;
    waiting = [];
    const count = all.reduce((sum, { publicKeys }) => sum + publicKeys.length, 0);
    if (count < fewest || closed || clock.monotonic() < restUntil) return giveNothing(all);
    if (pool === undefined) {
      starting ??= start();
      return giveNothing(all);
    }
    for (const share of inShares(all)) void give(share, pool);
  }

  function giveNothing(share: readonly Waiting[]): void {
    for (const { done } of share) done(here);
  }

  async function give(share: readonly Waiting[], from: Piscina): Promise<void> {
    try {
      const publicKeys = share.flatMap((one) => one.publicKeys);
      const made = unpackEncapsulated(
        (await from.run(packPublicKeys(publicKeys))) as Uint8Array,
        publicKeys.length,
      );
      let at = 0;
      for (const one of share)
        one.done(handOut(one.publicKeys, made.slice(at, (at += one.publicKeys.length)), here));
    } catch {
      rest();
      giveNothing(share);
    }
  }

  function rest(): void {
    if (closed || clock.monotonic() < restUntil) return;
    restUntil = clock.monotonic() + restMs;
    log.warn('a thread that encapsulates keys failed: the main thread does it for a minute');
  }

  /** Meanwhile this thread does it. */
  async function start(): Promise<void> {
    try {
      const made = await newPool(threads, options.thread ?? encapsulateThread());
      if (closed) return await made.destroy();
      pool = made;
    } catch {
      starting = undefined;
      rest();
    }
  }

  return {
    async prepare(publicKeys) {
      if (threads < 1 || closed) return here;
      return await new Promise<Encapsulate>((done) => {
        if (waiting.push({ publicKeys, done }) === 1) setImmediate(flush);
      });
    },
    async close() {
      closed = true;
      await starting;
      await pool?.destroy();
    },
  };
}

/** Whole askings, until they are a share. */
function* inShares(all: readonly Waiting[]): Generator<readonly Waiting[]> {
  let share: Waiting[] = [];
  let count = 0;
  for (const one of all) {
    share.push(one);
    count += one.publicKeys.length;
    if (count < mostInShare) continue;
    yield share;
    share = [];
    count = 0;
  }
  if (share.length > 0) yield share;
}

/** Resolves once a thread works. */
async function newPool(threads: number, thread: URL): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({
    filename: thread.href,
    name: 'encapsulate',
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleMs,
    // The next share is there when one is done.
    concurrentTasksPerWorker: 2,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
    recordTiming: false,
  });
  await pool.run(packPublicKeys([]));
  return pool;
}

/** As it is, or compiled. */
function encapsulateThread(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./daemon-encapsulate-thread.${extension}`, import.meta.url);
}
