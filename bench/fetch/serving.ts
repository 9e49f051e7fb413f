/**
 * Serving beside nginx: many small payloads and a large one, the same bytes over TLS 1.3 from both, HTTP/1.1 on loopback. nginx has them as
 * files, in one process, because a daemon of ours is one as well. On a small machine the load's own cost counts in what the wall says, so the
 * servers' processor time is told beside it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '../../src/crypto/random.ts';
import { createThrowawayAuthority } from '../../src/demo/authority.ts';
import { payloadSize } from '../../src/message/payload.ts';
import { sizes } from '../../src/wire/registry.ts';
import { metricOf, wallSeconds, type Bench, type Pair } from '../report.ts';
import type { Served } from './beckon-process.ts';
import { openLoad, type Target } from './load.ts';
import { cpuSecondsOf, findProgram, freePort, leaveOut, startProgram } from './programs.ts';

const program = fileURLToPath(new URL('./beckon-process.ts', import.meta.url));
const host = 'beckon.alpha.test';
const megabyte = 1e6;
/** Each is fetched a few times at most: notes of one message do not gather, and no cache holds a handful. */
const smallCount = 4096;
/** Connections of the small fetches; a large one has a connection to itself. */
const connections = 32;

interface Contender {
  readonly pid: number;
  readonly target: Target;
  readonly small: readonly string[];
  readonly large: readonly string[];
  /** What is asked for once: gives other paths each time. */
  readonly fresh: (count: number) => readonly string[];
}

interface Rates {
  readonly wall: number;
  readonly cpu: number;
}

function nginxConfig(dir: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${dir}/nginx-${kind};`)
    .join(' ');
  return `daemon off; master_process off; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 512; }
http {
  ${temporary}
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
  open_file_cache max=10000;
  server {
    listen 127.0.0.1:${port} ssl; ssl_protocols TLSv1.3;
    ssl_certificate ${dir}/cert.pem; ssl_certificate_key ${dir}/key.pem; root ${dir}/files;
  }
}
`;
}

async function measure(contender: Contender, paths: readonly string[], count: number, size: number) {
  const load = await openLoad(contender.target, Math.min(connections, count));
  try {
    const before = cpuSecondsOf(contender.pid);
    const wall = await wallSeconds(() => load.fetch(paths, count, size));
    const cpu = cpuSecondsOf(contender.pid) - before;
    return { wall: count / wall, cpu: count / cpu };
  } finally {
    load.close();
  }
}

/** Both in turn, `runs` times after a first time that does not count. */
async function compare(
  runs: number,
  contenders: readonly [Contender, Contender],
  load: (contender: Contender) => Promise<Rates>,
): Promise<{ readonly wall: readonly Pair[]; readonly cpu: readonly Pair[] }> {
  const wall: Pair[] = [];
  const cpu: Pair[] = [];
  for (let run = -1; run < runs; run++) {
    const ours = await load(contenders[0]);
    const peer = await load(contenders[1]);
    if (run < 0) continue;
    wall.push({ value: ours.wall, peerValue: peer.wall });
    cpu.push({ value: ours.cpu, peerValue: peer.cpu });
  }
  return { wall, cpu };
}

export const serving: Bench = {
  name: 'serving',
  async *run({ quick }) {
    const nginx = findProgram('nginx');
    if (nginx === undefined) return leaveOut('small_fetch and large_fetch are', 'nginx', 'nginx-light');
    await using parts = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
    parts.defer(() => rmSync(dir, { recursive: true, force: true }));
    chmodSync(dir, 0o755);

    const smallSize = payloadSize(sizes.payloadFloor);
    const largeSize = (quick ? 64 : 512) * 1024 * 1024;
    const { small, large } = await writeFiles(dir, smallSize, largeSize);
    const issuer = await createThrowawayAuthority();
    const { cert, key } = await issuer.issue([host]);
    writeFileSync(join(dir, 'cert.pem'), cert);
    writeFileSync(join(dir, 'key.pem'), key, { mode: 0o600 });

    const runs = quick ? 3 : 5;
    const freshCount = quick ? 2000 : 5000;
    const child = fork(program, [dir, small, large, String(freshCount * (runs + 1))]);
    const exited = once(child, 'exit');
    parts.defer(async () => {
      if (child.connected) child.disconnect();
      await exited;
    });
    const [served] = (await Promise.race([once(child, 'message'), exited])) as [Served];
    const ours: Contender = {
      pid: child.pid as number,
      target: { port: served.port, host, ca: issuer.cert },
      small: served.small,
      large: served.large,
      fresh: (count) => served.fresh.splice(0, count),
    };

    const port = await freePort();
    writeFileSync(join(dir, 'nginx.conf'), nginxConfig(dir, port));
    const server = await startProgram(nginx, ['-c', join(dir, 'nginx.conf'), '-p', dir], port);
    parts.defer(() => server.stop());
    const files = Array.from({ length: smallCount }, (_, n) => `/small/${n}`);
    const theirs: Contender = {
      pid: server.pid,
      target: { port, host, ca: issuer.cert },
      small: files,
      large: ['/large'],
      fresh: () => files,
    };

    const count = quick ? 5000 : 20_000;
    const smalls = await compare(runs, [ours, theirs], (contender) =>
      measure(contender, contender.small, count, smallSize),
    );
    const peer = 'nginx, one process, the same bytes as files; TLS 1.3 and HTTP/1.1 on both sides';
    const byCpu = `${peer}; by the server's processor time`;
    const labels = { bench: 'fetch', unit: '1/s' };
    yield metricOf({ ...labels, metric: 'small_fetch', peer }, smalls.wall);
    yield metricOf({ ...labels, metric: 'small_fetch_cpu', peer: byCpu }, smalls.cpu);

    const firsts = await compare(runs, [ours, theirs], (contender) =>
      measure(contender, contender.fresh(freshCount), freshCount, smallSize),
    );
    yield metricOf({ ...labels, metric: 'small_fetch_first', peer }, firsts.wall);
    yield metricOf({ ...labels, metric: 'small_fetch_first_cpu', peer: byCpu }, firsts.cpu);

    const larges = await compare(runs, [ours, theirs], (contender) =>
      measure(contender, contender.large, 1, largeSize),
    );
    const inMegabytes = (pairs: readonly Pair[]): Pair[] =>
      pairs.map(({ value, peerValue }) => ({
        value: (value * largeSize) / megabyte,
        peerValue: (peerValue * largeSize) / megabyte,
      }));
    const what = `${peer}; ${largeSize / 1024 / 1024} MiB on one connection`;
    yield metricOf({ ...labels, unit: 'MB/s', metric: 'large_fetch', peer: what }, inMegabytes(larges.wall));
    yield metricOf(
      {
        ...labels,
        unit: 'MB/s',
        metric: 'large_fetch_cpu',
        peer: `${what}; by the server's processor time`,
      },
      inMegabytes(larges.cpu),
    );
  },
};

async function writeFiles(dir: string, smallSize: number, largeSize: number) {
  const files = join(dir, 'files');
  await mkdir(files, { mode: 0o755 });
  const [small, large] = [join(files, 'small'), join(files, 'large')];
  await mkdir(small, { mode: 0o755 });
  for (let n = 0; n < smallCount; n++) await writeFile(join(small, String(n)), systemRandom(smallSize));
  const bytes = new Uint8Array(largeSize);
  for (let at = 0; at < largeSize; at += 65_536) bytes.set(systemRandom(65_536), at);
  await writeFile(large, bytes);
  return { small, large };
}
