/** The door for old mail programs, by who does not behave. wire-spec/bridges.md section 5. */
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createGuesses, defaultGuessLimits } from '../../src/bridges/guesses.ts';
import { createStrangers, defaultStrangerLimits } from '../../src/bridges/incoming-limits.ts';
import { defaultDoorLimits, type DoorLimits } from '../../src/bridges/smtp-door.ts';
import { createMailRoom } from '../../src/bridges/mail-room.ts';
import { reply } from '../../src/bridges/smtp-reply.ts';
import { createLogin, type LoginAttempt } from '../../src/bridges/submission-login.ts';
import { openSubmissionDoor } from '../../src/bridges/submission-server.ts';
import type { Headless } from '../../src/bridges/headless.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { bind } from '../../src/http/bind.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { testClock } from '../support/clock.ts';
import { inTime } from '../support/in-time.ts';
import { openLine, type SmtpLine } from './smtp-line.ts';

const host = 'post.here.test';
const authority = await createTestAuthority();
const certificate = await authority.issue([host]);
const plain = (password: string): string => `AUTH PLAIN ${btoa(`\0alice@here.test\0${password}`)}`;

/** One user, whose password is `right`. */
async function open(
  t: ExecutionContext,
  {
    implicitTls = false,
    limits,
    clock = systemClock,
  }: { implicitTls?: boolean; limits?: Partial<DoorLimits>; clock?: Clock } = {},
) {
  const attempts: LoginAttempt[] = [];
  const taken: string[] = [];
  const ended: string[] = [];
  const room = createMailRoom(10_000_000);
  const door = await openSubmissionDoor({
    implicitTls,
    host,
    login: async (attempt) => {
      attempts.push(attempt);
      const address = attempt.user;
      return attempt.password === 'right'
        ? { outcome: 'in', headless: {} as Headless, address }
        : { outcome: 'wrong', waitMs: 0 };
    },
    sessionOf: () => ({
      sender: async () => undefined,
      recipient: async () => undefined,
      reset: () => undefined,
      async take({ recipients, bytes }) {
        taken.push(`${recipients.join(' ')} ${Buffer.from(bytes).toString('latin1')}`);
        return reply(250, '2.6.0 sent');
      },
      end: async () => void ended.push('session'),
    }),
    limits: { ...defaultDoorLimits, maxSize: 100_000, closeMs: 60_000, ...limits },
    room,
    strangers: createStrangers(defaultStrangerLimits, systemClock),
    certificate,
    bind: (server) => bind(server, { kind: 'tcp', host: '127.0.0.1', port: 0 }),
    clock,
    log: silentLog,
    metrics: createMetrics(),
  });
  const lines: SmtpLine[] = [];
  t.teardown(async () => {
    for (const line of lines) line.close();
    await door.close();
  });
  return {
    door,
    room,
    attempts,
    taken,
    ended,
    /** Has said hello. */
    async line(): Promise<SmtpLine> {
      const line = await openLine(door.port);
      lines.push(line);
      await line.answer();
      await line.say('EHLO program.test');
      return line;
    },
  };
}

/** Under TLS, and logged in. */
async function inside(line: SmtpLine): Promise<SmtpLine> {
  await line.say('STARTTLS');
  await line.startTls(authority.cert, host);
  await line.say('EHLO program.test');
  await line.say(plain('right'));
  return line;
}

const to = ['bob@else.test'];

test('commands in clear text behind STARTTLS are never run, and no password is taken without TLS', async (t) => {
  const house = await open(t);
  const line = await house.line();
  t.regex(await line.say(plain('right')), /^(502|530|538|503)/);
  t.deepEqual(house.attempts, []);
  line.write(
    `STARTTLS\r\nEHLO evil.test\r\n${plain('right')}\r\nMAIL FROM:<evil@evil.test>\r\n${'NOOP\r\n'.repeat(150)}`,
  );
  t.regex(await line.answer(), /^220/);
  await line.startTls(authority.cert, host);
  t.regex(await line.say('MAIL FROM:<alice@here.test>'), /^(503|530)/);
  const hello = await line.say('EHLO program.test');
  t.false(hello.includes('STARTTLS'));
  t.regex(hello, /AUTH PLAIN LOGIN/);
  t.regex(await line.say('MAIL FROM:<alice@here.test>'), /^530/);
  t.deepEqual(house.attempts, []);
  t.regex(await line.say(plain('right')), /^235/);
  t.is(await line.mail({ from: 'alice@here.test', to }, 'x'), '250 2.6.0 sent');
  t.deepEqual(house.taken, ['bob@else.test x\r\n']);
  t.is(house.attempts.length, 1);
});

test('who is slow is ended, before and after the password, and in the data; the keys of the session go', async (t) => {
  const limits = { stepMs: 1000, dataMs: 1000, bytesPerSecond: 1000, sweepMs: 20 };
  const clock = testClock();
  const house = await open(t, { limits, clock });
  const [idle, babbling, asked] = [await house.line(), await house.line(), await house.line()];
  const drip = await inside(await house.line());
  await asked.say('STARTTLS');
  await asked.startTls(authority.cert, host);
  await asked.say('EHLO program.test');
  t.regex(await asked.say('AUTH LOGIN'), /^334/);
  for (const words of ['MAIL FROM:<alice@here.test>', 'RCPT TO:<bob@else.test>', 'DATA'])
    await drip.say(words);
  const timer = setInterval(() => {
    drip.write('x');
    babbling.write('NOOP\r\n');
    clock.advance(0.2);
  }, 20);
  t.teardown(() => clearInterval(timer));
  for (const line of [idle, asked, drip]) t.regex(await line.answer(), /^421/);
  await Promise.all([idle, asked, drip, babbling].map((line) => line.ended()));
  clearInterval(timer);
  while (house.room.used() > 0 || house.door.connections() > 0 || house.ended.length === 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual([house.taken, house.ended], [[], ['session']]);
});

test('who never begins TLS, or does not go on with it, is ended', async (t) => {
  const house = await open(t, { implicitTls: true, limits: { idleMs: 100 } });
  const silent = connect(house.door.port, '127.0.0.1');
  silent.on('error', () => undefined);
  await once(silent, 'close');
  await inTime(async (idleMs) => {
    const idle = await open(t, { limits: { idleMs } });
    try {
      const line = await idle.line();
      const answer = await line.say('STARTTLS');
      await line.ended();
      return answer.startsWith('220');
    } catch {
      return false;
    }
  });
  const clock = testClock();
  const line = await (await open(t, { clock, limits: { stepMs: 1000, sweepMs: 20 } })).line();
  t.regex(await line.say('STARTTLS'), /^220/);
  clock.advance(2);
  await line.ended();
});

test('who guesses from many networks keeps nobody out who came from theirs before', async (t) => {
  const guesses = createGuesses(defaultGuessLimits, systemClock);
  guesses.mayTry('alice@here.test', '192.0.2.1');
  guesses.right('alice@here.test', '192.0.2.1');
  const login = createLogin({
    users: { get: async () => undefined },
    aliases: { get: async () => undefined },
    gateways: { get: async () => undefined },
    guesses,
    open: () => Promise.reject(new Error('nobody is here')),
    random: systemRandom,
    log: silentLog,
    derivations: { atOnce: 1, waiting: 2, ofNetwork: 1 },
  });
  const done: string[] = [];
  const from = async (source: string): Promise<void> => {
    const { outcome } = await login({ user: 'alice@here.test', password: 'a guess', source });
    done.push(`${source} ${outcome}`);
  };
  await Promise.all(
    ['198.51.1.1', '198.51.2.1', '198.51.2.2', '198.51.3.1', '198.51.4.1', '192.0.2.9'].map(from),
  );
  t.deepEqual(done, [
    // No place: another of its network waits, and then as many as may.
    '198.51.2.2 busy',
    '198.51.4.1 busy',
    '198.51.1.1 wrong',
    '192.0.2.9 wrong',
    '198.51.2.1 wrong',
    '198.51.3.1 wrong',
  ]);
});
