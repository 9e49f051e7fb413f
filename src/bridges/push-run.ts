/**
 * One user's copies, for as long as the daemon runs or the user wants them.
 *
 *  1. the mail store is looked at: who typed a wrong password learns it now, not with the next message
 *  2. the user's client, from the keys that they handed over
 *  3. what is new is collected and copied
 *  4. then it waits until something comes, or a while; after a failure longer each time
 */
import { setTimeout } from 'node:timers/promises';
import type { Client } from '../client/index.ts';
import type { Clock } from '../clock.ts';
import { Secret } from '../crypto/secret.ts';
import { codeOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { GatewayStore } from '../store/api/gateways.ts';
import type { Owner } from '../store/api/terms.ts';
import type { GatewayPush } from '../wire/gateway.ts';
import type { OpenHeadless } from './headless.ts';
import type { ConnectMailStore, MailStore } from './imap-store.ts';
import { copyNew } from './push-copy.ts';

export interface PushRunParts {
  readonly owner: Owner;
  readonly since: number;
  readonly push: GatewayPush;
  readonly open: OpenHeadless;
  readonly connect: ConnectMailStore;
  readonly marks: Pick<GatewayStore, 'mark' | 'setMark'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly pace: PushPace;
}

/** Milliseconds. */
export interface PushPace {
  /** Between two looks, whatever is told. */
  readonly lookMs: number;
  /** After a failure; then twice as long each time. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
  /** After one that the user has to mend. */
  readonly refusedMs: number;
}

export const defaultPace: PushPace = {
  lookMs: 300_000,
  firstRetryMs: 10_000,
  lastRetryMs: 1_800_000,
  refusedMs: 3_600_000,
};

export interface PushState {
  readonly state: 'starting' | 'running' | 'waiting' | 'refused';
  readonly code?: string;
  readonly next?: number;
  readonly appended: number;
}

export interface PushRun {
  state(): PushState;
  close(): Promise<void>;
}

/** What only the user can mend. */
const refusing: readonly string[] = ['unauthorized', 'key_unknown', 'tls_failed', 'network_refused'];

export function startPush(parts: PushRunParts): PushRun {
  const { push, clock, log, pace } = parts;
  const stop = new AbortController();
  let current: PushState = { state: 'starting', appended: 0 };
  const appended = (): void => {
    current = { ...current, appended: current.appended + 1 };
  };

  async function run(): Promise<void> {
    let failures = 0;
    let looked = false;
    while (!stop.signal.aborted) {
      try {
        if (!looked) await (await parts.connect(push)).close();
        looked = true;
        current = { state: 'running', appended: current.appended };
        await session(() => {
          failures = 0;
          current = { state: 'running', appended: current.appended };
        });
      } catch (error) {
        if (stop.signal.aborted) return;
        const code = codeOf(error);
        const refused = refusing.includes(code);
        const ms = refused ? pace.refusedMs : Math.min(pace.firstRetryMs * 2 ** failures++, pace.lastRetryMs);
        const next = clock.seconds() + Math.ceil(ms / 1000);
        current = { state: refused ? 'refused' : 'waiting', code, next, appended: current.appended };
        log.info('copies to a mail store wait', { code });
        await pause(ms);
      }
    }
  }

  /** Until something fails: a client is opened anew then. */
  async function session(good: () => void): Promise<void> {
    const { keys } = push;
    const copyOf = { ...keys, deviceKey: keys.deviceKey.slice(), stateKey: keys.stateKey.slice() };
    const { client, end } = await parts.open(copyOf);
    try {
      while (!stop.signal.aborted) {
        await turn(client);
        good();
        await news(client);
      }
    } finally {
      await end();
    }
  }

  async function turn(client: Client): Promise<void> {
    await client.sync();
    let store: Promise<MailStore> | undefined;
    try {
      await copyNew({
        ...parts,
        client,
        secret: new Secret(push.keys.deviceKey),
        store: () => (store ??= parts.connect(push)),
        appended,
      });
    } finally {
      await (await store?.catch(() => undefined))?.close();
    }
  }

  /** Something came, or enough time passed. */
  async function news(client: Client): Promise<void> {
    const watching = await client.watch().catch(() => undefined);
    const done = new AbortController();
    const waits = pause(pace.lookMs, done.signal);
    try {
      const outcome = await Promise.race(watching === undefined ? [waits] : [watching.outcome, waits]);
      // A watch that ends by itself at once must not become a loop.
      if (outcome === 'over') await pause(pace.firstRetryMs);
    } finally {
      done.abort();
      watching?.close();
    }
  }

  async function pause(ms: number, signal = stop.signal): Promise<void> {
    const ended = AbortSignal.any([stop.signal, signal]);
    await setTimeout(ms, undefined, { signal: ended, ref: false }).catch(() => undefined);
  }

  const running = run();
  return {
    state: () => current,
    async close() {
      stop.abort();
      await running;
    },
  };
}
