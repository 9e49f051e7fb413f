import test, { type ExecutionContext } from 'ava';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createStrangers,
  defaultStrangerLimits,
  type StrangerLimits,
} from '../../src/bridges/incoming-limits.ts';
import { openDoor } from '../../src/bridges/incoming-server.ts';
import { answer, type Answer, type IncomingMail } from '../../src/bridges/incoming.ts';
import { createMailRoom } from '../../src/bridges/mail-room.ts';
import { defaultDoorLimits, type Door, type DoorLimits } from '../../src/bridges/smtp-door.ts';
import { systemClock, type Clock } from '../../src/clock.ts';
import { bind } from '../../src/http/bind.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { testClock } from '../support/clock.ts';
import { openLine, type SmtpLine } from './smtp-line.ts';

const unknown = answer(550, '5.1.1 nobody');

interface House {
  readonly door: Door;
  readonly taken: IncomingMail[];
  readonly asked: string[];
  readonly room: ReturnType<typeof createMailRoom>;
  line(): Promise<SmtpLine>;
}

interface Changes {
  readonly kind?: 'smtp' | 'lmtp';
  readonly limits?: Partial<DoorLimits>;
  readonly strangers?: Partial<StrangerLimits>;
  readonly certificate?: { cert: string; key: string };
  readonly room?: number;
  readonly clock?: Clock;
  readonly take?: (mail: IncomingMail) => Promise<readonly Answer[]>;
}

async function open(t: ExecutionContext, changes: Changes = {}): Promise<House> {
  const { kind = 'smtp', limits, strangers, certificate, clock = systemClock } = changes;
  const taken: IncomingMail[] = [];
  const asked: string[] = [];
  const room = createMailRoom(changes.room ?? 10_000_000);
  const folder = await mkdtemp(join(tmpdir(), 'beckon-door-'));
  const address =
    kind === 'lmtp'
      ? ({ kind: 'unix', path: join(folder, 's'), mode: 0o600 } as const)
      : ({ kind: 'tcp', host: '127.0.0.1', port: 0 } as const);
  const door = await openDoor({
    kind,
    host: 'mx.here.test',
    handler: {
      recipient: async (typed, _others, announced) => {
        asked.push(announced === 0 ? typed : `${typed} ${announced}`);
        return typed.startsWith('no') ? unknown : undefined;
      },
      async take(mail) {
        taken.push({ ...mail, bytes: mail.bytes.slice() });
        return changes.take === undefined
          ? mail.recipients.map(() => answer(250, '2.0.0 kept'))
          : await changes.take(mail);
      },
    },
    limits: { ...defaultDoorLimits, maxSize: 100_000, closeMs: 60_000, ...limits },
    room,
    ...(strangers === undefined
      ? {}
      : {
          strangers: createStrangers({ ...defaultStrangerLimits, loopback: true, ...strangers }, systemClock),
        }),
    ...(certificate === undefined ? {} : { certificate }),
    bind: (server) => bind(server, address),
    clock,
    log: silentLog,
    metrics: createMetrics(),
  });
  const lines: SmtpLine[] = [];
  t.teardown(async () => {
    for (const line of lines) line.close();
    await door.close();
    await rm(folder, { recursive: true });
  });
  return {
    door,
    taken,
    asked,
    room,
    async line() {
      const line = await openLine(address.kind === 'unix' ? address.path : door.port);
      lines.push(line);
      return line;
    },
  };
}

/** A line that has said hello. */
async function greeted({ line }: House, hello = 'EHLO mail.legacy.test'): Promise<SmtpLine> {
  const one = await line();
  await one.answer();
  await one.say(hello);
  return one;
}

const to = ['anna@here.test'];
const text = (mail: IncomingMail | undefined) => Buffer.from(mail?.bytes ?? []).toString('latin1');

test('a mail is handed on as it came, dots unstuffed', async (t) => {
  const house = await open(t);
  const one = await house.line();
  t.regex(await one.answer(), /^220 mx\.here\.test ESMTP Beckon$/);
  const hello = await one.say('EHLO mail.legacy.test');
  t.regex(hello, /^250.SIZE 100000$/m);
  for (const offered of ['PIPELINING', '8BITMIME', 'SMTPUTF8']) t.true(hello.includes(offered));
  for (const not of ['STARTTLS', 'AUTH', 'XFORWARD', 'XCLIENT', 'DSN']) t.false(hello.includes(not), not);
  const data = 'From: b@c.test\r\n\r\n.one\r\n..two\r\n.\xff\x80';
  t.is(await one.mail({ to: [...to, 'bert@here.test'] }, data), '250 2.0.0 kept');
  t.is(text(house.taken[0]), `${data}\r\n`);
  const [{ bytes: _, ...mail } = {}] = house.taken;
  t.deepEqual(mail, {
    client: { helo: 'mail.legacy.test', address: '127.0.0.1', protocol: 'ESMTP' },
    reversePath: 'bob@legacy.test',
    recipients: ['anna@here.test', 'bert@here.test'],
  });
  t.is(await one.mail({ from: '', to }, 'x'), '250 2.0.0 kept');
  t.is(house.taken[1]?.reversePath, '');
  t.is(house.room.used(), 0);
});

test('commands that come together are answered in their order, good and bad, and none waits for a next', async (t) => {
  const client = await greeted(await open(t));
  client.write(
    'NOOP\r\nMAIL FROM:<bob@legacy.test>\r\nRCPT TO:<no@here.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n',
  );
  const codes: string[] = [];
  for (let i = 0; i < 5; i++) codes.push((await client.answer()).slice(0, 3));
  t.deepEqual(codes, ['250', '250', '550', '250', '354']);
  client.write('Subject: one\r\n\r\none\r\n.\r\nRSET\r\nQUIT\r\n');
  for (const code of ['250', '250', '221']) t.is((await client.answer()).slice(0, 3), code);
  await client.ended();
});

test('over SMTP one answer stands for all, the worst; over LMTP each recipient has its own', async (t) => {
  const take = async ({ recipients }: IncomingMail) =>
    recipients.map((one) =>
      one.startsWith('late') ? answer(451, '4.3.0 later') : answer(250, '2.0.0 kept'),
    );
  const smtp = await greeted(await open(t, { take }));
  t.is(await smtp.mail({ to: ['a@here.test', 'late@here.test'] }, 'x'), '451 4.3.0 later');
  const house = await open(t, { take, kind: 'lmtp' });
  const lmtp = await greeted(house, 'LHLO mta');
  t.is(await lmtp.mail({ to: ['a@here.test', 'late@here.test', 'a@here.test'] }, 'x'), '250 2.0.0 kept');
  t.is(await lmtp.answer(), '451 4.3.0 later');
  t.is(await lmtp.answer(), '250 2.0.0 kept');
  t.deepEqual(house.taken[0]?.recipients, ['a@here.test', 'late@here.test', 'a@here.test']);
  t.deepEqual(house.taken[0]?.client, { helo: 'mta', protocol: 'LMTP' });
});

test('LMTP takes the word of its MTA for the client; SMTP takes nobody’s', async (t) => {
  const house = await open(t, { kind: 'lmtp' });
  const lmtp = await greeted(house, 'LHLO mta');
  t.regex(await lmtp.say('XFORWARD NAME=mail.legacy.test ADDR=192.0.2.7 HELO=hello.legacy.test'), /^250/);
  await lmtp.mail({ to }, 'x');
  t.deepEqual(house.taken[0]?.client, { helo: 'hello.legacy.test', address: '192.0.2.7', protocol: 'LMTP' });
  const smtp = await greeted(await open(t));
  t.regex(await smtp.say('XFORWARD ADDR=192.0.2.7'), /^5/);
  t.regex(await smtp.say('XCLIENT ADDR=192.0.2.7'), /^5/);
});

test('a recipient is asked for before it is taken, and nothing tells who else is here', async (t) => {
  const house = await open(t, { limits: { strays: 2 } });
  const one = await greeted(house);
  t.regex(await one.say('VRFY anna@here.test'), /^50/);
  t.regex(await one.say('EXPN staff'), /^50/);
  t.regex(await one.say('AUTH PLAIN AGEAYg=='), /^50/);
  await one.say('MAIL FROM:<b@c.test>');
  t.is(await one.say('RCPT TO:<nobody@here.test>'), '550 5.1.1 nobody');
  t.regex(await one.say('DATA'), /^503/);
  t.regex(await one.say('RCPT TO:<anna@here.test>'), /^250/);
  t.is(await one.say('RCPT TO:<no2@here.test>'), '550 5.1.1 nobody');
  t.regex(await one.say('RCPT TO:<no3@here.test>'), /^421/);
  await one.ended();
  t.deepEqual(house.taken, []);
});

test('a mail has so many recipients and no more', async (t) => {
  const one = await greeted(await open(t, { limits: { recipients: 2 } }));
  await one.say('MAIL FROM:<b@c.test>');
  t.regex(await one.say('RCPT TO:<a@here.test>'), /^250/);
  t.regex(await one.say('RCPT TO:<b@here.test>'), /^250/);
  t.regex(await one.say('RCPT TO:<c@here.test>'), /^452/);
});

for (const end of ['\n.\r\n', '\r\n.\n', '\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n', '\n\n.\r\n'])
  test(`a mail does not end with ${JSON.stringify(end)}, and such a line end is refused`, async (t) => {
    const house = await open(t);
    const one = await greeted(house);
    await one.say('MAIL FROM:<b@c.test>');
    await one.say('RCPT TO:<anna@here.test>');
    await one.say('DATA');
    const smuggled =
      'MAIL FROM:<admin@here.test>\r\nRCPT TO:<anna@here.test>\r\nDATA\r\nFrom: admin@here.test\r\n\r\nx';
    one.write(`From: b@c.test\r\n\r\nhello${end}${smuggled}\r\n.\r\n`);
    t.regex(await one.answer(), /^550 5\.6\.0/);
    t.deepEqual(house.taken, []);
    t.is(house.room.used(), 0);
    t.is(await one.mail({ to }, 'sound'), '250 2.0.0 kept');
  });

test('where a packet ends makes no difference to where a mail ends', async (t) => {
  const house = await open(t);
  const one = await greeted(house);
  await one.say('MAIL FROM:<b@c.test>');
  await one.say('RCPT TO:<anna@here.test>');
  await one.say('DATA');
  for (const piece of ['A: b\r', '\n\r\n..', '.\r\nRSET\r', '\n.', '\r', '\n']) {
    one.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.is(await one.answer(), '250 2.0.0 kept');
  t.is(text(house.taken[0]), 'A: b\r\n\r\n..\r\nRSET\r\n');
});

test('what is announced or comes as too large is refused, and not kept meanwhile', async (t) => {
  const house = await open(t);
  const one = await greeted(house);
  t.regex(await one.say('MAIL FROM:<b@c.test> SIZE=100001'), /^552/);
  await one.say('MAIL FROM:<b@c.test> SIZE=100000');
  await one.say('RCPT TO:<anna@here.test>');
  t.deepEqual(house.asked, ['anna@here.test 100000']);
  await one.say('RSET');
  t.is(
    await one.mail({ to }, `${'x'.repeat(1000)}\r\n`.repeat(110)),
    '552 5.3.4 the mail is larger than its limit',
  );
  t.is(house.room.used(), 0);
  t.is(await one.mail({ to }, 'small'), '250 2.0.0 kept');
  t.is(house.taken.length, 1);
});

test('who never stops sending is cut off', async (t) => {
  const house = await open(t);
  const one = await greeted(house);
  await one.say('MAIL FROM:<b@c.test>');
  await one.say('RCPT TO:<anna@here.test>');
  await one.say('DATA');
  for (let sent = 0; sent < 400; sent++) one.write(`${'x'.repeat(998)}\r\n`);
  t.regex(await one.answer(), /^421/);
  await one.ended();
  t.deepEqual(house.taken, []);
});

test('all mails at one time share a room, and it is given back', async (t) => {
  let go = (): void => undefined;
  const wait = new Promise<void>((resolve) => (go = resolve));
  const house = await open(t, {
    room: 5000,
    take: async ({ recipients }) => {
      await wait;
      return recipients.map(() => answer(250, '2.0.0 kept'));
    },
  });
  const [first, second] = [await greeted(house), await greeted(house)];
  const large = `${'x'.repeat(900)}\r\n`.repeat(4);
  const slow = first.mail({ to }, large);
  while (house.taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(await second.mail({ to }, large), '452 4.3.1 no room now: come again later');
  go();
  t.is(await slow, '250 2.0.0 kept');
  t.is(await second.mail({ to }, large), '250 2.0.0 kept');
  t.is(house.room.used(), 0);
});

test('who is slow is ended: between commands, and in the data however steadily they drip', async (t) => {
  const limits = { stepMs: 1000, dataMs: 1000, bytesPerSecond: 1000, sweepMs: 20 };
  const clock = testClock();
  const house = await open(t, { limits, clock });
  const idle = await house.line();
  await idle.answer();
  const babbling = await greeted(house);
  const drip = await greeted(house);
  await drip.say('MAIL FROM:<b@c.test>');
  await drip.say('RCPT TO:<anna@here.test>');
  await drip.say('DATA');
  const timer = setInterval(() => {
    drip.write('x');
    babbling.write('NOOP\r\n');
    clock.advance(0.2);
  }, 20);
  t.teardown(() => clearInterval(timer));
  t.regex(await idle.answer(), /^421/);
  t.regex(await drip.answer(), /^421/);
  await Promise.all([idle.ended(), drip.ended(), babbling.ended()]);
  clearInterval(timer);
  while (house.room.used() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(house.taken, []);
});

test('who sends much at once and then drips is ended as soon: the room is for all', async (t) => {
  const limits = { dataMs: 500, bytesPerSecond: 1000, sweepMs: 20 };
  const clock = testClock();
  const house = await open(t, { limits, clock });
  const drip = await greeted(house);
  await drip.say('MAIL FROM:<b@c.test>');
  await drip.say('RCPT TO:<anna@here.test>');
  await drip.say('DATA');
  drip.write('much of it at once, and hardly more\r\n'.repeat(2000));
  const timer = setInterval(() => {
    drip.write('x');
    clock.advance(0.2);
  }, 20);
  t.teardown(() => clearInterval(timer));
  t.regex(await drip.answer(), /^421/);
  await drip.ended();
  while (house.room.used() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(house.taken, []);
});

test('a mail whose client goes before its end is nowhere', async (t) => {
  const house = await open(t);
  const one = await greeted(house);
  await one.say('MAIL FROM:<b@c.test>');
  await one.say('RCPT TO:<anna@here.test>');
  await one.say('DATA');
  one.write('From: b@c.test\r\n\r\nhalf of it\r\n.');
  while (house.room.used() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  one.close();
  while (house.door.connections() > 0 || house.room.used() > 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.deepEqual(house.taken, []);
});

test('addresses and their networks have limits: connections, mails, recipients that are not here', async (t) => {
  const connections = { address: 2, network: 10 };
  const crowded = await open(t, { strangers: { connections } });
  const first = await greeted(crowded);
  await greeted(crowded);
  const third = await crowded.line();
  t.regex(await third.answer(), /^421/);
  await first.say('QUIT');
  await first.ended();
  while (crowded.door.connections() > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  t.regex(await (await crowded.line()).answer(), /^220/);

  const busy = await greeted(await open(t, { strangers: { mails: { perSecond: 0.001, burst: 8 } } }));
  t.is(await busy.mail({ to }, 'x'), '250 2.0.0 kept');
  t.is(await busy.mail({ to }, 'x'), '250 2.0.0 kept');
  t.regex(await busy.mail({ to }, 'x'), /^451/);

  const searching = await greeted(await open(t, { strangers: { strays: { perSecond: 0.001, burst: 4 } } }));
  await searching.say('MAIL FROM:<b@c.test>');
  t.regex(await searching.say('RCPT TO:<no1@here.test>'), /^550/);
  t.regex(await searching.say('RCPT TO:<no2@here.test>'), /^421/);
});

test('commands in clear text behind STARTTLS are never run', async (t) => {
  const authority = await createTestAuthority();
  const certificate = await authority.issue(['mx.here.test']);
  const ca = authority.cert;
  const house = await open(t, { certificate });
  const one = await greeted(house);
  one.write(
    `NOOP\r\nSTARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@evil.test>\r\nRCPT TO:<anna@here.test>\r\n${'NOOP\r\n'.repeat(150)}`,
  );
  t.regex(await one.answer(), /^250/);
  t.regex(await one.answer(), /^220/);
  await one.startTls(ca, 'mx.here.test');
  t.regex(await one.say('MAIL FROM:<b@c.test>'), /^503/);
  const hello = await one.say('EHLO mail.legacy.test');
  t.false(hello.includes('STARTTLS'));
  t.regex(await one.say('DATA'), /^503/);
  t.is(await one.mail({ to }, 'x'), '250 2.0.0 kept');
  t.is(house.taken[0]?.client.protocol, 'ESMTPS');
  t.deepEqual(house.asked, ['anna@here.test']);
});

test('a certificate that comes later, and one that follows it, counts for who connects from then on', async (t) => {
  const house = await open(t);
  const before = await greeted(house);
  t.regex(await before.say('STARTTLS'), /^50/);
  for (const authority of [await createTestAuthority(), await createTestAuthority()]) {
    house.door.renew(await authority.issue(['mx.here.test']));
    const one = await house.line();
    await one.answer();
    t.true((await one.say('EHLO mail.legacy.test')).includes('STARTTLS'));
    t.regex(await one.say('STARTTLS'), /^220/);
    await one.startTls(authority.cert, 'mx.here.test');
    await one.say('EHLO mail.legacy.test');
    t.is(await one.mail({ to }, 'x'), '250 2.0.0 kept');
  }
  t.is(await before.mail({ to }, 'x'), '250 2.0.0 kept');
});

test('a door that closes finishes what it has taken, and takes nothing new', async (t) => {
  let go = (): void => undefined;
  const wait = new Promise<void>((resolve) => (go = resolve));
  const house = await open(t, {
    take: async ({ recipients }) => {
      await wait;
      return recipients.map(() => answer(250, '2.0.0 kept'));
    },
  });
  const [handing, idle] = [await greeted(house), await greeted(house)];
  const taken = handing.mail({ to }, 'x');
  while (house.taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const closed = house.door.close();
  await idle.ended();
  go();
  t.is(await taken, '250 2.0.0 kept');
  await closed;
  await t.throwsAsync(openLine(house.door.port).then((line) => line.answer()));
});

test('bytes that are no commands get no further', async (t) => {
  const house = await open(t);
  const one = await house.line();
  await one.answer();
  one.write('GET / HTTP/1.1\r\n');
  t.regex(await one.answer(), /^421/);
  await one.ended();
  const other = await house.line();
  await other.answer();
  other.write(
    randomBytes(40_000)
      .toString('latin1')
      .replace(/[\r\n]/g, ''),
  );
  t.regex(await other.answer(), /^421/);
  await other.ended();
});
