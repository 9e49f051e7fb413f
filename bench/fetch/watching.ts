/**
 * Thousands of watchers on one daemon: what each costs in memory, what telling one costs in processor time, and how late it is told. Each is a TLS
 * connection of its own with a drop of its own, as clients have them; refs come to drops drawn at random.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/clock.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { createThrowawayAuthority } from '../../src/demo/authority.ts';
import { handedOverOwner, recipientHash, type DropOwner } from '../../src/message/drops.ts';
import { provePoll } from '../../src/message/poll-proof.ts';
import { pollRequest } from '../../src/wire/collect.ts';
import { mediaTypes, publicPath } from '../../src/wire/registry.ts';
import { encode } from '../../src/wire/schema.ts';
import { metricOf, type Bench } from '../report.ts';
import { cpuSecondsOf } from './programs.ts';
import type { Watched } from './watched-process.ts';

const program = fileURLToPath(new URL('./watched-process.ts', import.meta.url));
const domain = 'alpha.test';
const host = `beckon.${domain}`;
const watchers = 2000;
/** Connections that begin at a time. */
const beginning = 64;
/** Events a second, and for how long, in seconds. */
const rate = 200;
const lasting = 5;
/** What comes later than this did not come, milliseconds. */
const patience = 5000;

interface Watcher {
  readonly hash: string;
  /** The next event; its time by `performance.now`. */
  told(): Promise<number>;
  close(): void;
}

export const watching: Bench = {
  name: 'watch',
  async *run() {
    await using parts = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
    parts.defer(() => rmSync(dir, { recursive: true, force: true }));
    const issuer = await createThrowawayAuthority();
    const { cert, key } = await issuer.issue([host]);
    writeFileSync(join(dir, 'cert.pem'), cert);
    writeFileSync(join(dir, 'key.pem'), key, { mode: 0o600 });
    const child = fork(program, [dir]);
    const exited = once(child, 'exit');
    parts.defer(async () => {
      if (child.connected) child.disconnect();
      await exited;
    });
    const [watched] = (await Promise.race([once(child, 'message'), exited])) as [Watched];
    const pid = child.pid as number;

    const before = rssAnon(pid);
    const all = await beginAll(watched, issuer.cert);
    parts.defer(() => all.forEach((watcher) => watcher.close()));
    // What handshakes left behind is collected, as it would be in time.
    await sleep(1000);
    const each = (rssAnon(pid) - before) / watchers / 1024;

    const cpuBefore = cpuSecondsOf(pid);
    const delays = await tellSome(all, (hash) => child.send(hash));
    const cpu = (cpuSecondsOf(pid) - cpuBefore) / delays.length;
    const p99 = [...delays].sort((a, b) => a - b)[Math.ceil(delays.length * 0.99) - 1] as number;

    const labels = { bench: 'fetch', cost: true };
    const of = `${watchers} watchers, TLS 1.3, a drop each`;
    yield metricOf({ ...labels, metric: 'watch_rss_anon', unit: 'KB', peer: `100 KB for each of ${of}` }, [
      { value: each, peerValue: 100 },
    ]);
    yield metricOf(
      {
        ...labels,
        metric: 'watch_event_cpu',
        unit: 'us',
        peer: `a millisecond; ${delays.length} events, ${rate} a second, stored and told; ${of}`,
      },
      [{ value: cpu * 1e6, peerValue: 1000 }],
    );
    const metric = metricOf(
      {
        ...labels,
        metric: 'watch_delay_p99',
        unit: 'ms',
        peer: `a second; ${delays.length} events, ${rate} a second; ${of}`,
      },
      [{ value: p99, peerValue: 1000 }],
    );
    yield { ...metric, runs: delays.length, spread: [Math.min(...delays), Math.max(...delays)] };
  },
};

/** Delays in milliseconds: from when the ref was sent to the daemon's process to when the watcher had read its event. */
async function tellSome(all: readonly Watcher[], admit: (hash: string) => void): Promise<readonly number[]> {
  // No watcher twice: its events would have to be told apart.
  const chosen = all.toSorted(() => Math.random() - 0.5).slice(0, rate * lasting);
  const began = performance.now();
  return await Promise.all(
    chosen.map(async ({ hash, told }, n) => {
      await sleep(Math.max(0, began + (n * 1000) / rate - performance.now()));
      const sent = performance.now();
      admit(hash);
      const late = sleep(patience, undefined, { ref: false }).then(() => {
        throw new Error('an event did not come');
      });
      return (await Promise.race([told(), late])) - sent;
    }),
  );
}

async function beginAll(watched: Watched, ca: string): Promise<readonly Watcher[]> {
  const source = { master: new Secret(systemRandom(32)), epoch: systemRandom(16) };
  const all: Watcher[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < watchers) all.push(await begin(watched, ca, handedOverOwner(source, next++)));
  };
  await Promise.all(Array.from({ length: beginning }, worker));
  return all;
}

/** Resolves with its first event: what waits, which is nothing. */
async function begin(watched: Watched, ca: string, owner: DropOwner): Promise<Watcher> {
  const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'));
  const occasion = {
    domain,
    keyId: bytesOf(watched.keyId),
    time: systemClock.seconds(),
    nonce: systemRandom(16),
  };
  const entry = provePoll(owner, bytesOf(watched.publicKey), occasion);
  const body = encode(pollRequest, { ...occasion, entries: [entry] });
  const socket = connect({
    port: watched.port,
    host: '127.0.0.1',
    servername: host,
    ca,
    minVersion: 'TLSv1.3',
  });
  await once(socket, 'secureConnect');
  const told = eventsOf(socket);
  socket.write(
    `POST ${publicPath}watch HTTP/1.1\r\nhost: ${host}\r\ncontent-type: ${mediaTypes.beckon}\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  await told();
  const hash = Buffer.from(recipientHash(entry.pollKey, domain)).toString('base64url');
  return { hash, told, close: () => socket.destroy() };
}

/** Each call resolves with the time of the next event: there is never another before it is asked for. */
function eventsOf(socket: TLSSocket): () => Promise<number> {
  let waiting: PromiseWithResolvers<number> | undefined;
  socket.on('data', (data: Buffer) => {
    if (data.includes('data: ')) waiting?.resolve(performance.now());
    else if (data.includes('HTTP/1.1 ') && !data.includes('HTTP/1.1 200'))
      waiting?.reject(new Error(data.toString('latin1', 0, 32)));
  });
  socket.on('error', (error) => waiting?.reject(error));
  return () => (waiting = Promise.withResolvers<number>()).promise;
}

function rssAnon(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
