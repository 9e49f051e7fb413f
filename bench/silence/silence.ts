/**
 * Whether the time of an answer tells what its bytes do not: Welch's t over samples taken in turn, through TLS on one connection on
 * loopback, from a public listener over a real store in a process of its own. Beside each stands the usual bound: |t| above 4.5 says
 * that the two can be told apart. The control adds a known delay to one side, to show that the measurement would notice it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'undici';
import { createThrowawayAuthority } from '../../src/demo/authority.ts';
import { mediaTypes, publicPath } from '../../src/wire/registry.ts';
import type { Bench, Metric } from '../report.ts';
import type { Asked } from './server.ts';
import { loginTimes } from './logins.ts';
import { medianOf, welch } from './welch.ts';

const authority = 'beckon.alpha.test';
const program = fileURLToPath(new URL('./server.ts', import.meta.url));
const usualBound = 4.5;
/** Microseconds: what the control plants. */
const planted = 100;
/** Microseconds, beside a derivation of some hundred thousand. */
const plantedInLogins = 10_000;

interface Answer {
  readonly status: number;
  readonly size: number;
  /** Microseconds until the last byte. */
  readonly took: number;
}

interface Server {
  readonly asked: Asked;
  turn(dials: object): Promise<void>;
  get(path: string): Promise<Answer>;
  post(path: string, body: string): Promise<Answer>;
  close(): Promise<void>;
}

/** One way to ask, as often as wanted: the n-th time. */
type Question = (n: number) => Promise<Answer>;

async function startServer(samples: number): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'beckon-silence-'));
  const issuer = await createThrowawayAuthority();
  const { cert, key } = await issuer.issue([authority]);
  writeFileSync(join(dir, 'cert.pem'), cert);
  writeFileSync(join(dir, 'key.pem'), key, { mode: 0o600 });
  const child = fork(program, [dir, String(samples)]);
  const exited = once(child, 'exit');
  const asked = (await answerOf(child)) as Asked;
  const client = new Client(`https://127.0.0.1:${asked.port}`, {
    connect: { ca: issuer.cert, servername: authority, minVersion: 'TLSv1.3' },
    pipelining: 1,
  });

  async function ask(method: 'GET' | 'POST', path: string, body?: Buffer): Promise<Answer> {
    const headers = { host: authority, ...(body ? { 'content-type': mediaTypes.beckon } : {}) };
    const began = performance.now();
    const answer = await client.request({ method, path: publicPath + path, headers, body: body ?? null });
    const { byteLength } = await answer.body.arrayBuffer();
    return { status: answer.statusCode, size: byteLength, took: (performance.now() - began) * 1000 };
  }

  return {
    asked,
    async turn(dials) {
      child.send(dials);
      await answerOf(child);
    },
    get: (path) => ask('GET', path),
    post: (path, body) => ask('POST', path, Buffer.from(body, 'base64')),
    async close() {
      await client.close();
      if (child.connected) child.disconnect();
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('the server ended before it answered'))),
  ])) as [unknown];
  return message;
}

/** Asks the questions in turn, in another order each time. Times in microseconds, by question. */
async function inTurn(questions: readonly Question[], samples: number, status: number): Promise<number[][]> {
  const times: number[][] = questions.map(() => []);
  for (let n = 0; n < samples; n++) {
    const order = questions.map((_, at) => at).sort(() => Math.random() - 0.5);
    for (const at of order) {
      const answer = await (questions[at] as Question)(n);
      if (answer.status !== status) throw new Error(`answered ${answer.status}, not ${status}`);
      times[at]?.push(answer.took);
    }
  }
  return times;
}

function cycle(paths: readonly string[], get: Server['get']): Question {
  return (n) => get(paths[n % paths.length] as string);
}

/** As many of either as there are pairs of one size: sizes take time, and are no secret that time would tell. */
async function pairsOfOneSize(server: Server): Promise<readonly [string[], string[]]> {
  const bySize = new Map<number, string[]>();
  for (const path of server.asked.again.unknown) {
    const { size } = await server.get(path);
    bySize.set(size, [...(bySize.get(size) ?? []), path]);
  }
  const pairs: [string[], string[]] = [[], []];
  for (const path of server.asked.again.known) {
    const partner = bySize.get((await server.get(path)).size)?.pop();
    if (partner === undefined) continue;
    pairs[0].push(path);
    pairs[1].push(partner);
  }
  return pairs;
}

function metricOf(metric: string, a: readonly number[], b: readonly number[], what: string): Metric {
  const value = welch(a, b);
  const medians = `${what}; medians ${medianOf(a).toFixed(0)} and ${medianOf(b).toFixed(0)} us, ${a.length} samples each`;
  return {
    bench: 'silence',
    metric,
    value,
    unit: '|t|',
    peer: `the usual bound: ${medians}`,
    peerValue: usualBound,
    ratio: usualBound / Math.max(value, 0.01),
    runs: 1,
    spread: [value, value],
  };
}

async function* users(server: Server, samples: number): AsyncIterable<Metric> {
  const { asked, get } = server;
  const [first, none] = await inTurn(
    [cycle(asked.first.known, get), cycle(asked.first.unknown, get)],
    samples,
    200,
  );
  const [known, unknown] = await pairsOfOneSize(server);
  const repeated = [cycle(known, get), cycle(unknown, get)];
  await inTurn(repeated, 500, 200);
  const [a, b] = await inTurn(repeated, samples, 200);
  const firsts = metricOf(
    'unknown_user_first_t',
    first ?? [],
    none ?? [],
    'each address asked once, user against decoy',
  );
  const again = metricOf(
    'unknown_user_again_t',
    a ?? [],
    b ?? [],
    'addresses asked again, user against decoy',
  );
  const worst = firsts.value > again.value ? firsts : again;
  yield { ...worst, metric: 'unknown_user_t' };
  yield firsts;
  yield again;
  await server.turn({ planted });
  const [c, d] = await inTurn(repeated, samples, 200);
  await server.turn({ planted: 0 });
  yield metricOf(
    'unknown_user_control_t',
    c ?? [],
    d ?? [],
    `the same with ${planted} us planted on one side`,
  );
  for (const [unknownUsers, status] of [
    ['mail', 200],
    ['404', 404],
  ] as const) {
    await server.turn({ unknownUsers });
    const questions = [cycle(asked.invited.known, get), cycle(asked.invited.unknown, get)];
    await inTurn(questions, 200, status);
    const [e, f] = await inTurn(questions, samples, status);
    yield metricOf(
      `unknown_invited_${unknownUsers}_t`,
      e ?? [],
      f ?? [],
      `"${unknownUsers}": invited against never heard of`,
    );
  }
}

async function* deadIds(server: Server, samples: number): AsyncIterable<Metric> {
  const kinds = Object.keys(server.asked.ids);
  const questions = kinds.map((kind) => cycle(server.asked.ids[kind] ?? [], server.get));
  await inTurn(questions, 200, 404);
  const times = await inTurn(questions, samples, 404);
  const never = times[kinds.indexOf('never')] ?? [];
  const metrics = kinds
    .map((kind, at) => [kind, times[at] ?? []] as const)
    .filter(([kind]) => kind !== 'never')
    .map(([kind, sample]) => metricOf(`dead_id_${kind}_t`, sample, never, `${kind} against never existed`));
  const worst = metrics.reduce((most, next) => (next.value > most.value ? next : most));
  yield { ...worst, metric: 'dead_id_t' };
  yield* metrics;
}

async function* proofs(server: Server, samples: number): AsyncIterable<Metric> {
  const { good, bad } = server.asked.polls;
  const questions = [good, bad].map(
    (bodies): Question =>
      (n) =>
        server.post('poll', bodies[n % bodies.length] as string),
  );
  await inTurn(questions, 200, 200);
  const [a, b] = await inTurn(questions, samples, 200);
  yield metricOf('poll_proof_t', a ?? [], b ?? [], 'polls of an empty drop, good against bad proof');
}

/** Names at the door for mail programs: each answer is behind a derivation of keys, which all of them take. */
async function* logins(samples: number): AsyncIterable<Metric> {
  const { wrong, nobody, without, control } = await loginTimes(samples, plantedInLogins);
  yield metricOf('login_nobody_t', wrong, nobody, 'a wrong password against a name that nobody has');
  yield metricOf('login_without_t', wrong, without, 'a wrong password against a user who has none');
  yield metricOf('login_control_t', wrong, control, `nobody, with ${plantedInLogins} us planted`);
}

export const silence: Bench = {
  name: 'silence',
  async *run({ quick }) {
    const samples = quick ? 1000 : 10_000;
    const server = await startServer(samples);
    try {
      yield* users(server, samples);
      yield* deadIds(server, samples);
      yield* proofs(server, samples);
      yield* logins(quick ? 50 : 300);
    } finally {
      await server.close();
    }
  },
};
