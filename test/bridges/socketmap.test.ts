import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { createNativeRecipients, type FoundRecipient } from '../../src/bridges/native-recipients.ts';
import { systemClock } from '../../src/clock.ts';
import { createNetstringReader, netstring } from '../../src/bridges/netstring.ts';
import { openSocketmap, type SocketmapLimits } from '../../src/bridges/socketmap.ts';
import { bind } from '../../src/http/bind.ts';
import { silentLog } from '../../src/log.ts';

const native = { kind: 'native' } as FoundRecipient;
const known: Readonly<Record<string, FoundRecipient | Error | 'never'>> = {
  'ann@alpha.test': native,
  'asleep@alpha.test': { kind: 'later', code: 'unavailable' },
  'eve@beta.test': native,
  'pinned@gamma.test': { kind: 'later', code: 'pinned_native' },
  'old@legacy.test': { kind: 'legacy' },
  'broken@alpha.test': new Error('the disk'),
  'slow@gamma.test': 'never',
};

async function opened(t: ExecutionContext, limits: Partial<SocketmapLimits> = {}) {
  const asked: string[] = [];
  const map = await openSocketmap({
    recipients: {
      async find(address) {
        asked.push(address);
        const found = known[address] ?? { kind: 'unknown' };
        if (found instanceof Error) throw found;
        return found === 'never' ? await new Promise<never>(() => undefined) : found;
      },
    },
    serves: (domain) => domain === 'alpha.test',
    transport: 'lmtp:unix:/run/beckon/lmtp',
    bind: (server) => bind(server, { kind: 'tcp', host: '127.0.0.1', port: 0 }),
    limits,
    log: silentLog,
  });
  t.teardown(() => map.close());
  async function line(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: map.port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    t.teardown(() => socket.destroy());
    return socket;
  }
  return { map, line, asked };
}

/** The next answers on a connection. */
async function answers(socket: Socket, count: number): Promise<readonly string[]> {
  const reader = createNetstringReader(100_000);
  const found: string[] = [];
  for await (const bytes of socket as AsyncIterable<Uint8Array>) {
    found.push(...(reader.push(bytes) ?? ['no netstring']));
    if (found.length >= count) break;
  }
  return found;
}

async function ask(t: ExecutionContext, questions: readonly string[], limits: Partial<SocketmapLimits> = {}) {
  const { line } = await opened(t, limits);
  const socket = await line();
  socket.write(Buffer.concat(questions.map(netstring)));
  return await answers(socket, questions.length);
}

const ok = 'OK lmtp:unix:/run/beckon/lmtp';

test('mail for natives goes to LMTP, wherever they are; all other mail goes its own way', async (t) => {
  const questions = [
    'transport ann@alpha.test',
    'transport Ann+news@ALPHA.test',
    'transport eve@beta.test',
    'transport nobody@alpha.test',
    'transport old@legacy.test',
    'transport alpha.test',
    'transport .test',
    'transport *',
    'transport ann',
    'transport @alpha.test',
    'transport "a b"@alpha.test',
    'transport ',
  ];
  t.deepEqual(await ask(t, questions), [ok, ok, ok, ...Array.from({ length: 9 }, () => 'NOTFOUND ')]);
});

test('who was native and is not shown to be now: the mail waits, and does not leave in clear text', async (t) => {
  const [pinned, asleep, broken, slow] = await ask(
    t,
    ['pinned@gamma.test', 'asleep@alpha.test', 'broken@alpha.test', 'slow@gamma.test'].map(
      (address) => `transport ${address}`,
    ),
    { answerMs: 50 },
  );
  t.regex(String(pinned), /^TEMP /);
  t.is(asleep, ok);
  t.regex(String(broken), /^TEMP /);
  t.false(String(broken).includes('disk'));
  t.regex(String(slow), /^TEMP /);
});

test('a user elsewhere who was known, and whom their domain disowns without signing it, is not one who never was', async (t) => {
  const nothing = { get: async () => undefined };
  const gone = (pinned: boolean) =>
    createNativeRecipients({
      keysOf: () => undefined,
      users: nothing,
      aliases: nothing,
      listed: { watch: () => () => undefined },
      bucketBits: async () => 0,
      directory: {
        user: async () => ({ kind: 'unknown', reason: 'no_such_user', ...(pinned ? { pinned } : {}) }),
      },
      clock: systemClock,
    });
  t.deepEqual(await gone(true).find('eve@beta.test'), { kind: 'later', code: 'pinned_native' });
  t.deepEqual(await gone(false).find('eve@beta.test'), { kind: 'unknown' });
});

test('the table of recipients knows users here alone', async (t) => {
  t.deepEqual(
    await ask(t, [
      'recipients ann@alpha.test',
      'recipients Ann+x@alpha.test',
      'recipients asleep@alpha.test',
      'recipients nobody@alpha.test',
      'recipients eve@beta.test',
    ]),
    ['OK ann@alpha.test', 'OK ann@alpha.test', 'OK asleep@alpha.test', 'NOTFOUND ', 'NOTFOUND '],
  );
});

test('a table that is not there is an error for good', async (t) => {
  const found = await ask(t, ['aliases ann@alpha.test', 'transport', '', ' ann@alpha.test']);
  for (const answer of found) t.regex(answer, /^PERM /);
});

test('questions in pieces, and many in one, are answered in their order', async (t) => {
  const { line } = await opened(t);
  const socket = await line();
  const bytes = Buffer.concat(
    ['ann@alpha.test', 'x@alpha.test', 'eve@beta.test'].map((a) => netstring(`transport ${a}`)),
  );
  const found = answers(socket, 3);
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.deepEqual(await found, [ok, 'NOTFOUND ', ok]);
});

for (const [name, bytes] of [
  ['no length', ':a,'],
  ['letters for a length', 'abc:'],
  ['a negative length', '-1:a,'],
  ['leading zeros', '003:abc,'],
  ['a length beyond the limit', '99999:'],
  ['more digits than any length has', '111111111111111111'],
  ['no comma', '3:abcd'],
  ['a line of another protocol', 'get transport ann@alpha.test\n'],
  ['an HTTP request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
] as const)
  test(`the line ends at ${name}, and others go on`, async (t) => {
    const { line, asked } = await opened(t);
    const [bad, good] = [await line(), await line()];
    const ended = closed(bad);
    bad.resume();
    bad.write(bytes);
    await ended;
    good.write(netstring('transport ann@alpha.test'));
    t.deepEqual(await answers(good, 1), [ok]);
    t.deepEqual(asked, ['ann@alpha.test']);
  });

/** With an answer or without: what was still being written may meet a closed line. */
function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

test('who asks too much at once, or holds a line for nothing, loses it', async (t) => {
  const { line } = await opened(t, { questions: 3, idleMs: 100 });
  for (const bytes of [
    Buffer.concat(Array.from({ length: 4 }, () => netstring('transport slow@gamma.test'))),
    Buffer.from(''),
    Buffer.from('20:transp'),
  ]) {
    const socket = await line();
    const ended = closed(socket);
    socket.resume();
    socket.write(bytes);
    await t.notThrowsAsync(ended);
  }
});

test('a byte now and then does not hold a line', async (t) => {
  const { line } = await opened(t, { idleMs: 200 });
  const socket = await line();
  socket.resume();
  const ended = closed(socket);
  socket.write('200:');
  const drip = setInterval(() => socket.write('a'), 40);
  await ended;
  clearInterval(drip);
  t.pass();
});

test('closing ends the lines that are open', async (t) => {
  const { map, line } = await opened(t);
  const socket = await line();
  socket.resume();
  const ended = closed(socket);
  await map.close();
  await t.notThrowsAsync(ended);
});
