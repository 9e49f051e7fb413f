/** Kept connections, one pool for each domain: no two domains ever share one, whoever hosts them. */
import type { buildConnector } from 'undici';
// Not the whole library: every command of a user would load its fetch, mocks and WebSocket.
import Pool from 'undici/lib/dispatcher/pool.js';
import type { Target } from '../dns/srv-order.ts';
import { authorityOf } from '../wire/domain-name.ts';
import { networkFailure } from './body.ts';
import type { TlsConnect } from './tls.ts';

/** Idle pools beyond this are closed, longest unused first. */
const maxPools = 512;
const maxHeaderBytes = 16384;

export interface Pools {
  /**
   * A pool for one request. `targets` are where its next connections go. Without verification it is a pool of its own that
   * keeps nothing: a connection under an unknown certificate serves nobody else.
   */
  borrow(domain: string, targets: readonly Target[], verifyCertificate: boolean): BorrowedPool;
  close(): Promise<void>;
}

export interface BorrowedPool {
  readonly pool: Pool;
  /** To be called when the answer's body has ended, or failed; a second call does nothing. */
  giveBack(): void;
}

interface Entry {
  pool: Pool;
  targets: readonly Target[];
  users: number;
}

export function createPools(connectTls: TlsConnect, maxPerOrigin: number): Pools {
  const entries = new Map<string, Entry>();
  const loners = new Set<Pool>();

  async function connectFor(
    domain: string,
    targets: readonly Target[],
    verifyCertificate: boolean,
    callback: buildConnector.Callback,
  ): Promise<void> {
    const outcome = await connectTls(domain, targets, { verifyCertificate }).catch(networkFailure);
    if (outcome instanceof Error) callback(outcome, null);
    else callback(null, outcome);
  }

  function open(domain: string, targets: () => readonly Target[], verifyCertificate: boolean): Pool {
    return new Pool(`https://${authorityOf(domain)}`, {
      connections: verifyCertificate ? maxPerOrigin : 1,
      pipelining: verifyCertificate ? 1 : 0,
      keepAliveTimeout: 10_000,
      keepAliveMaxTimeout: 60_000,
      maxHeaderSize: maxHeaderBytes,
      // Patience watches both: see patience.ts.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect(_options, callback) {
        void connectFor(domain, targets(), verifyCertificate, callback);
      },
    });
  }

  function borrowAlone(domain: string, targets: readonly Target[]): BorrowedPool {
    const pool = open(domain, () => targets, false);
    loners.add(pool);
    return {
      pool,
      giveBack: onceOnly(() => {
        loners.delete(pool);
        void pool.destroy();
      }),
    };
  }

  function closeIdle(): void {
    for (const [domain, { pool, users }] of entries) {
      if (entries.size <= maxPools) return;
      if (users > 0) continue;
      entries.delete(domain);
      void pool.close();
    }
  }

  return {
    borrow(domain, targets, verifyCertificate) {
      if (!verifyCertificate) return borrowAlone(domain, targets);
      const entry: Entry = entries.get(domain) ?? {
        pool: open(domain, () => entry.targets, true),
        targets,
        users: 0,
      };
      entry.targets = targets;
      entry.users += 1;
      // Set anew, so that the map's order is that of the last use.
      entries.delete(domain);
      entries.set(domain, entry);
      closeIdle();
      return {
        pool: entry.pool,
        giveBack: onceOnly(() => {
          entry.users -= 1;
        }),
      };
    },
    async close() {
      const pools = [...[...entries.values()].map(({ pool }) => pool), ...loners];
      entries.clear();
      await Promise.all(pools.map((pool) => pool.destroy()));
    },
  };
}

function onceOnly(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
