/**
 * Beckon beside an existing Postfix and Dovecot, as docs/postfix.md sets it up: the MX stays where it is, one user is native, the others are
 * not. Postfix and Dovecot are configured as in test/peers/mail.
 */
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../src/clock.ts';
import { openLine, type SmtpLine } from '../bridges/smtp-line.ts';
import { mailPart, memorySink } from '../client/sink.ts';
import { createProcesses } from '../faults/process.ts';
import { eventually } from '../network/eventually.ts';
import type { Hoster } from '../network/hoster.ts';
import type { Person } from '../network/person.ts';
import { startTownWith } from '../network/town.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { testDirectory } from '../support/directory.ts';
import { loopback } from '../support/dns-server.ts';
import { startDovecot } from './mail/dovecot.ts';
import { startPostfix, type Postfix } from './mail/postfix.ts';
import { freePlace, run } from './server-process.ts';

const authority = await createTestAuthority();

/** `alpha.test` with Postfix, Dovecot and Beckon; `gamma.test` at the same Postfix, without Beckon; `beta.test` with Beckon alone. */
async function village(t: ExecutionContext) {
  const parts = new AsyncDisposableStack();
  t.teardown(() => parts.disposeAsync());
  const dir = parts.use(await testDirectory());
  await chmod(dir.path, 0o755);
  const [lmtp, tables, smtp] = [
    await freePlace('127.0.0.1'),
    await freePlace('127.0.0.1'),
    await freePlace('127.0.0.1'),
  ].map(({ port }) => port) as [number, number, number];
  await mkdir(join(dir.path, 'dovecot'));
  const dovecot = parts.use(
    await startDovecot({
      dir: join(dir.path, 'dovecot'),
      users: { old: 'secret', carol: 'secret' },
      tls: await authority.issue(['imap.alpha.test']),
    }),
  );
  const startMta = async (n: number): Promise<Postfix> => {
    await mkdir(join(dir.path, `postfix${n}`));
    const socketmap = `socketmap:inet:127.0.0.1:${tables}`;
    return await startPostfix(
      {
        dir: join(dir.path, `postfix${n}`),
        domain: 'alpha.test',
        mailboxes: [],
        mailboxTransport: `lmtp:unix:${dovecot.lmtp}`,
        settings: {
          transport_maps: `${socketmap}:transport`,
          virtual_mailbox_domains: 'alpha.test, gamma.test',
          virtual_mailbox_maps: `inline:{ { old@alpha.test = old }, { carol@gamma.test = carol } }, ${socketmap}:recipients`,
        },
      },
      { address: '127.0.0.1', port: smtp },
    );
  };
  const { run: runDaemon, putAhead } = createProcesses();
  const town = parts.use(
    await startTownWith({ settings: { log_level: 'info' } }, systemClock, [], (file, environment) =>
      runDaemon(file, {
        ...environment,
        ...(file.includes('/alpha/')
          ? {
              BECKON_LMTP_LISTEN: `127.0.0.1:${lmtp}`,
              BECKON_POSTFIX_SOCKETMAP: `127.0.0.1:${tables}`,
              BECKON_SMTP_OUT_VIA: `smtp://127.0.0.1:${smtp}`,
            }
          : {}),
      }),
    ),
  );
  const records = () => town.hosters().flatMap((hoster) => hoster.records());
  town.dns.set([
    ...records(),
    { type: 'MX', name: 'gamma.test', priority: 10, exchange: 'mx.gamma.test' },
    ...loopback('mx.gamma.test'),
  ]);
  return {
    town,
    alpha: town.hoster('alpha'),
    lmtp,
    /** What Postfix's own tool finds for an address. */
    ask: async (address: string): Promise<string> => {
      const words = ['-c', join(dir.path, 'postfix1', 'conf'), '-q', address];
      // It ends with 1 where there is nothing.
      return await run('postmap', [...words, `socketmap:inet:127.0.0.1:${tables}:transport`]).catch(() => '');
    },
    putAhead,
    startMta,
    parts,
    /** What Dovecot has for somebody. */
    mailbox: async (user: string): Promise<readonly string[]> => {
      const folder = join(dir.path, 'dovecot', 'mail', user, 'Maildir', 'new');
      const names = await readdir(folder).catch(() => []);
      return await Promise.all(names.map((name) => readFile(join(folder, name), 'latin1')));
    },
  };
}

async function lineTo(t: ExecutionContext, { port }: Postfix): Promise<SmtpLine> {
  const line = await openLine(port);
  t.teardown(() => line.close());
  await line.answer();
  await line.say('EHLO client.test');
  return line;
}

const mailOf = (subject: string, to: string): string =>
  `From: Dave <dave@gamma.test>\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@gamma.test>\r\n\r\nthe text of ${subject}\r\n.dot`;

async function contentOf(person: Person, number: number): Promise<string> {
  const sink = memorySink();
  await person.client().payload(number, sink);
  return Buffer.from(sink.bytes).toString('latin1');
}

/** Subjects of what came by mail, as often as they came. */
async function subjectsOf(person: Person): Promise<readonly string[]> {
  const subjects: string[] = [];
  for (const { number, status } of person.client().inbox())
    if (status !== 'waiting')
      subjects.push(/Subject: (\S+)/.exec(await contentOf(person, number))?.[1] ?? '');
  return subjects.sort((a, b) => a.localeCompare(b));
}

/** Postfix tries again within seconds, on its own. */
async function idle(postfix: Postfix): Promise<void> {
  for (let tries = 0; tries < 240; tries++) {
    if ((await postfix.queued()) === 0) return;
    await setTimeout(500);
  }
  throw new Error(`mail still waits at Postfix: ${(await postfix.log()).slice(-2000)}`);
}

test.serial(
  'mail comes in for natives and for the others, each their way, and from this server natively to natives elsewhere',
  async (t) => {
    const { town, startMta, parts, mailbox, ask, lmtp } = await village(t);
    const postfix = parts.use(await startMta(1));
    const ann = await town.enroll('ann@alpha.test');
    const bob = await town.enroll('bob@beta.test');
    const line = await lineTo(t, postfix);
    const asked = async (address: string) => (await ask(address)).trim();
    for (const address of [ann.address, bob.address])
      t.is(await asked(address), `lmtp:inet:127.0.0.1:${lmtp}`);
    for (const address of ['old@alpha.test', 'carol@gamma.test']) t.is(await asked(address), '');
    const to = ['Ann+list@alpha.test', 'old@alpha.test', 'bob@beta.test', 'carol@gamma.test'];
    t.regex(await line.mail({ from: 'dave@gamma.test', to }, mailOf('hello', to.join(', '))), /^250/);
    const [entry] = await ann.arrivals();
    t.like(entry, { byOwnBridge: true, tag: 'list', mail: { from: 'dave@gamma.test' } });
    const text = await contentOf(ann, entry!.number);
    t.true(text.startsWith('Return-Path: <dave@gamma.test>\r\n'));
    t.true(text.endsWith('\r\nthe text of hello\r\n.dot\r\n'), text);
    const [waiting] = await bob.arrivals();
    t.like(waiting, { status: 'waiting', from: 'mail-bridge@alpha.test' });
    const opened = await bob.client().open(waiting!.number);
    t.true((await contentOf(bob, opened.number)).includes('the text of hello'));
    for (const user of ['old', 'carol'])
      t.true(
        (await eventually(user, async () => (await mailbox(user))[0])).includes('the text of hello'),
        user,
      );
    await idle(postfix);
    t.is((await mailbox('old')).length, 1);
    await line.say('MAIL FROM:<dave@gamma.test>');
    t.regex(await line.say('RCPT TO:<nobody@alpha.test>'), /^550 5\.1\.1/);
  },
);

test.serial(
  'a native user who cannot take mail now, and a daemon that is down: mail waits at Postfix, and comes once',
  async (t) => {
    const { town, alpha, startMta, parts } = await village(t);
    const postfix = parts.use(await startMta(1));
    const ann = await town.enroll('ann@alpha.test');
    await alpha.admin.suspendUser('ann@alpha.test', true);
    const line = await lineTo(t, postfix);
    t.regex(await line.mail({ to: ['ann@alpha.test'] }, mailOf('waits', 'ann@alpha.test')), /^250/);
    await eventually('a deferral', async () => /status=deferred .*450/.exec(await postfix.log())?.[0]);
    await alpha.kill();
    // Nobody can say whether she is native: the sender keeps it, too.
    await line.say('MAIL FROM:<dave@gamma.test>');
    t.regex(await line.say('RCPT TO:<ann@alpha.test>'), /^451/);
    await line.say('RSET');
    await postfix.flush();
    await setTimeout(1000);
    t.is(await postfix.queued(), 1);
    await alpha.start();
    await alpha.admin.suspendUser('ann@alpha.test', false);
    await postfix.flush();
    await idle(postfix);
    t.regex(await line.mail({ to: ['ann@alpha.test'] }, mailOf('later', 'ann@alpha.test')), /^250/);
    await ann.arrivals(2);
    t.deepEqual(await subjectsOf(ann), ['later', 'waits']);
  },
);

test.serial(
  'mail leaves by Postfix; while it is down, and over kill -9 of the daemon, it waits, and all of it arrives',
  async (t) => {
    t.timeout(500_000);
    const { town, alpha, startMta, parts, mailbox, putAhead } = await village(t);
    const ann = await town.enroll('ann@alpha.test');
    const subjects = Array.from({ length: 10 }, (_, n) => `out-${n}`);
    for (const subject of subjects) await sendByMail(t, ann, 'carol@gamma.test', subject);
    const states = async () =>
      (await ann.client().sent()).flatMap(({ recipients }) => recipients.map(({ state }) => state));
    t.false((await states()).includes('delivered'));
    t.deepEqual(await mailbox('carol'), []);
    const postfix = parts.use(await startMta(1));
    const kills = 3;
    for (let n = 1; n <= kills + 1; n++) {
      // What was tried in vain is due again: a daemon that starts later does not wait for it here.
      putAhead(n * 600);
      await alpha.kill();
      await alpha.start();
      if (n <= kills) await setTimeout(Math.random() * 600);
    }
    const isDelivered = async () => (await states()).every((state) => state === 'delivered');
    for (let tries = 0; tries < 100 && !(await isDelivered()); tries++) {
      await setTimeout(1000);
      // What was under way at each kill waits for longer by now than a test may.
      if (tries % 10 !== 9) continue;
      for (const { handle } of await alpha.admin.queue())
        await alpha.admin.retryMail(handle).catch(() => undefined);
    }
    t.true(await isDelivered());
    await idle(postfix);
    const arrived = (await mailbox('carol')).map((text) => /^Subject: (\S+)\r?$/m.exec(text)?.[1] ?? '');
    t.deepEqual(
      [...new Set(arrived)].sort((a, b) => a.localeCompare(b)),
      subjects,
    );
    // A mail may come twice where the kill fell between Postfix's 250 and our note of it: SMTP has no better promise.
    for (const subject of subjects)
      t.true(arrived.filter((one) => one === subject).length <= kills + 1, subject);
    t.log(`${kills} kills, ${arrived.length - subjects.length} of ${subjects.length} twice`);
    for (const text of await mailbox('carol')) t.regex(text, /^From: ann@alpha\.test\r?$/m);
  },
);

test.serial('kill -9 of the daemon while mail comes in: all of it comes, and none of it twice', async (t) => {
  t.timeout(500_000);
  const { town, alpha, startMta, parts } = await village(t);
  const postfix = parts.use(await startMta(1));
  const ann = await town.enroll('ann@alpha.test');
  const subjects = Array.from({ length: 60 }, (_, n) => `mail-${String(n).padStart(2, '0')}`);
  const sending = sendAll(t, postfix, subjects);
  const kills = await killOften(alpha, 4, () => postfix.flush().catch(() => undefined));
  await sending;
  await postfix.flush();
  await idle(postfix);
  await ann.arrivals(subjects.length);
  t.deepEqual(await subjectsOf(ann), subjects);
  t.log(`${kills} kills`);
});

/** With the user's word for this message. */
async function sendByMail(t: ExecutionContext, from: Person, to: string, subject: string): Promise<void> {
  const whole = Buffer.from(
    `From: ${from.address}\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@alpha.test>\r\nDate: Sat, 21 Nov 2026 11:00:00 +0000\r\n\r\n${subject}\r\n`,
  );
  const { recipients } = await from.client().send({
    to: [to],
    parts: [mailPart(subject)],
    subject,
    mail: {
      compose: async () => ({
        length: whole.length,
        open: async function* () {
          yield whole;
        },
      }),
      ask: async () => ({ 'gamma.test': 'now' }),
    },
  });
  t.like(recipients, [{ way: 'mail' }]);
}

/** Hands all in over two lines, each again until Postfix took it. */
async function sendAll(t: ExecutionContext, postfix: Postfix, subjects: readonly string[]): Promise<void> {
  const left = [...subjects];
  await Promise.all(
    Array.from({ length: 2 }, async () => {
      const line = await lineTo(t, postfix);
      for (let subject = left.pop(); subject !== undefined; subject = left.pop()) {
        const answer = await line.mail({ to: ['ann@alpha.test'] }, mailOf(subject, 'ann@alpha.test'));
        if (answer.startsWith('250')) continue;
        left.push(subject);
        await line.say('RSET');
        await setTimeout(200);
      }
    }),
  );
}

/** Kills the daemon so many times, at moments of its life that differ. */
async function killOften(hoster: Hoster, times: number, after: () => Promise<unknown>): Promise<number> {
  for (let n = 0; n < times; n++) {
    await setTimeout(100 + Math.random() * 900);
    await hoster.kill();
    await hoster.start();
    await after();
  }
  return times;
}
