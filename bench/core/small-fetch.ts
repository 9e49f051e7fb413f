/**
 * Small fetches: header and envelope of a message, then its payload of the smallest size, from the public listener over a real store,
 * beside a bare fastify route that answers as many bytes out of memory. Plain HTTP/1.1 on loopback and an own process on both sides, and
 * the same load from here, one after the other. Once by the wall, where the load's own cost counts on a small machine, and once by the
 * server's processor time, where it does not.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { metricOf, wallSeconds, type Bench, type Pair } from '../report.ts';
import type { Served } from './fetch-server.ts';

const connections = 32;
const program = fileURLToPath(new URL('./fetch-server.ts', import.meta.url));

interface Server {
  /** Fetches so many times, header and payload in turn. */
  load(count: number): Promise<{ readonly perSecond: number; readonly perCpuSecond: number }>;
  close(): Promise<void>;
}

async function startServer(kind: 'beckon' | 'fastify', dir: string): Promise<Server> {
  const child = fork(program, [kind, dir]);
  const exited = once(child, 'exit');
  const { port, paths } = await answerOf<Served>(child);
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections });

  async function fetchOne(at: number): Promise<number> {
    const path = paths[at % paths.length] as string;
    const { statusCode, body } = await pool.request({
      method: 'GET',
      path,
      headers: { host: 'beckon.alpha.test' },
    });
    const { byteLength } = await body.arrayBuffer();
    if (statusCode !== 200 || byteLength < 4096) throw new Error(`${kind} answered ${statusCode}`);
    return byteLength;
  }

  async function fetchAll(count: number): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) await fetchOne(next++);
    };
    await Promise.all(Array.from({ length: connections }, worker));
  }

  return {
    async load(count) {
      const before = await cpuOf(child);
      const wall = await wallSeconds(() => fetchAll(count));
      const cpu = (await cpuOf(child)) - before;
      return { perSecond: count / wall, perCpuSecond: count / cpu };
    },
    async close() {
      await pool.close();
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu');
  return await answerOf<number>(child);
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const done = new AbortController();
  const { signal } = done;
  try {
    const ended = once(child, 'exit', { signal }).then(() => undefined);
    // Once the answer is here, nobody waits for the end any more.
    ended.catch(() => undefined);
    const answer = await Promise.race([once(child, 'message', { signal }), ended]);
    if (answer === undefined) throw new Error('a server ended before it answered');
    return answer[0] as T;
  } finally {
    done.abort();
  }
}

export const smallFetch: Bench = {
  name: 'small-fetch',
  async *run({ quick }) {
    await using parts = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
    parts.defer(() => rmSync(dir, { recursive: true, force: true }));
    const beckon = await startServer('beckon', dir);
    parts.defer(() => beckon.close());
    const fastify = await startServer('fastify', dir);
    parts.defer(() => fastify.close());

    const count = quick ? 5000 : 20_000;
    const byWall: Pair[] = [];
    const byCpu: Pair[] = [];
    for (const server of [beckon, fastify]) await server.load(count / 4);
    for (let run = 0; run < (quick ? 3 : 5); run++) {
      const ours = await beckon.load(count);
      const bare = await fastify.load(count);
      byWall.push({ value: ours.perSecond, peerValue: bare.perSecond });
      byCpu.push({ value: ours.perCpuSecond, peerValue: bare.perCpuSecond });
    }
    const labels = { bench: 'core', unit: '1/s' };
    const peer = 'a bare fastify route of as many bytes, plain HTTP/1.1 on loopback as well';
    yield metricOf({ ...labels, metric: 'small_fetch_fastify', peer }, byWall);
    const cpuPeer = `${peer}, by the server's processor time`;
    yield metricOf({ ...labels, metric: 'small_fetch_fastify_cpu', peer: cpuPeer }, byCpu);
  },
};
