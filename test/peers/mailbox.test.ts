/**
 * Programs that are not ours at both ends of a mailbox: swaks hands mail in, Dovecot stores what is pushed, mbsync reads it there.
 * wire-spec/bridges.md sections 5 and 6.
 */
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../src/clock.ts';
import { mailPart, memorySink } from '../client/sink.ts';
import { createProcesses } from '../faults/process.ts';
import type { Hoster } from '../network/hoster.ts';
import type { Person } from '../network/person.ts';
import { startTownWith } from '../network/town.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { testDirectory } from '../support/directory.ts';
import { loopback } from '../support/dns-server.ts';
import { startDovecot, type Dovecot } from './mail/dovecot.ts';
import { freePlace, run } from './server-process.ts';

const authority = await createTestAuthority();
const store = 'imap.alpha.test';
const login = { user: 'alice', password: 'secret of the store' };

interface Village {
  readonly dir: string;
  readonly alpha: Hoster;
  readonly alice: Person;
  /** Of `beta.test`; Alice knows him. */
  readonly bob: Person;
  readonly caFile: string;
  /** Where this machine's MTA hands in mail. */
  readonly lmtp: number;
  /** Again on the same ports, with what it had. */
  startDovecot(): Promise<Dovecot>;
  push(dovecot: Dovecot): Promise<void>;
  /** What Dovecot has for Alice: file names without flags, and texts. */
  stored(): Promise<readonly string[]>;
}

/** Two domains, each with a daemon that can be killed; alpha's takes mail of programs, and trusts the mail store. */
async function village(t: ExecutionContext): Promise<Village> {
  const parts = new AsyncDisposableStack();
  t.teardown(() => parts.disposeAsync());
  const dir = parts.use(await testDirectory());
  await chmod(dir.path, 0o755);
  await mkdir(join(dir.path, 'dovecot'));
  const caFile = join(dir.path, 'store-ca.pem');
  await writeFile(caFile, authority.cert);
  const tls = await authority.issue([store, 'localhost']);
  const [lmtp, imap, imaps] = [
    await freePlace('127.0.0.1'),
    await freePlace('127.0.0.1'),
    await freePlace('127.0.0.1'),
  ].map(({ port }) => port) as [number, number, number];
  const { run: runDaemon } = createProcesses();
  const town = parts.use(
    await startTownWith({ settings: { log_level: 'info' } }, systemClock, [], async (file, environment) => {
      const ofAlpha = {
        BECKON_LMTP_LISTEN: `127.0.0.1:${lmtp}`,
        BECKON_SUBMISSION_LISTEN: '127.0.0.1:0',
        BECKON_SUBMISSION_STARTTLS: '127.0.0.1:0',
        BECKON_OUTBOUND_CA_FILES: `${join(file, '..', '..', 'ca.pem')},${caFile}`,
      };
      return await runDaemon(file, { ...environment, ...(file.includes('/alpha/') ? ofAlpha : {}) });
    }),
  );
  town.dns.set([...town.hosters().flatMap((hoster) => hoster.records()), ...loopback(store)]);
  const [alice, bob] = [await town.enroll('alice@alpha.test'), await town.enroll('bob@beta.test')];
  await alice.send([bob.address], 'hello');
  const [first] = await bob.arrivals();
  await bob.read(first?.number ?? 0);
  const options = { dir: join(dir.path, 'dovecot'), users: { [login.user]: login.password }, tls };
  return {
    dir: dir.path,
    alpha: town.hoster('alpha'),
    alice,
    bob,
    caFile: town.surroundings.caFile,
    lmtp,
    startDovecot: async () => parts.use(await startDovecot(options, { imap, imaps })),
    push: async (dovecot) =>
      void (await alice
        .client()
        .mailbox.push({ host: store, port: dovecot.imaps, ...login, folder: 'INBOX', rules: [] })),
    stored: () => mailsIn(join(dir.path, 'dovecot', 'mail', login.user, 'Maildir')),
  };
}

async function namesIn(maildir: string): Promise<readonly string[]> {
  const folders = await Promise.all(
    ['new', 'cur'].map(async (folder) => {
      const names = await readdir(join(maildir, folder)).catch(() => []);
      return names.map((name) => join(maildir, folder, name));
    }),
  );
  return folders.flat();
}

/** A file that is renamed meanwhile is read at the next try. */
async function mailsIn(maildir: string): Promise<readonly string[]> {
  for (;;) {
    try {
      return await Promise.all((await namesIn(maildir)).map((path) => readFile(path, 'latin1')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

const mailOf = (from: string, subject: string): string =>
  `From: ${from}\r\nTo: alice@alpha.test\r\nSubject: ${subject}\r\n\r\nthe text of ${subject}\r\n`;

const subjectOf = (text: string): string => /^Subject: (\S+)\r?$/m.exec(text)?.[1] ?? '';

const sorted = (texts: readonly string[]): readonly string[] => texts.toSorted((a, b) => a.localeCompare(b));

/** Long enough for the pauses that grow while something is down. */
async function until<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 600; tries++) {
    const value = await attempt();
    if (value !== undefined) return value;
    await setTimeout(200);
  }
  throw new Error(`no ${what} came`);
}

async function contentOf(person: Person, number: number): Promise<string> {
  const sink = memorySink();
  await person.client().payload(number, sink);
  return Buffer.from(sink.bytes).toString('latin1');
}

test.serial(
  'swaks hands in over TLS and STARTTLS, with PLAIN and LOGIN: native, byte for byte but Bcc; not with a wrong password',
  async (t) => {
    const { dir, alice, bob, caFile } = await village(t);
    const password = 'correct horse battery';
    await alice.client().mailbox.password(password);
    const { submission } = await alice.client().mailbox.status();
    t.truthy(submission?.tls);
    t.truthy(submission?.starttls);
    const file = join(dir, 'mail.eml');
    const swaks = (over: 'tls' | 'starttls', auth: string, pass: string): Promise<string> =>
      run(
        'swaks',
        [
          ['--server', '127.0.0.1', '--port', String(submission?.[over])],
          [over === 'tls' ? '-tlsc' : '-tls', '--tls-verify', '--tls-ca-path', caFile],
          ['--tls-sni', submission?.host ?? '', '--auth', auth, '--auth-user', alice.address],
          ['--auth-password', pass, '--from', alice.address, '--to', bob.address, '--data', `@${file}`],
        ].flat(),
      );
    for (const over of ['tls', 'starttls'] as const)
      for (const auth of ['PLAIN', 'LOGIN']) {
        const head = `From: Alice <${alice.address}>\r\nTo: ${bob.address}\r\n`;
        const rest = `Subject: ${over}-${auth}\r\nX-Odd:   two  spaces \r\n\r\n.a dot\r\n..two\r\ntrailing \r\n\ttab\r\n`;
        // swaks puts a line end behind what it reads.
        await writeFile(file, `${head}Bcc: eve@beta.test,\r\n mallory@beta.test\r\n${rest.slice(0, -2)}`);
        t.regex(await swaks(over, auth, password), /^ ?<~\s+250 2\.6\.0 sent/m);
        const [entry] = await bob.arrivals();
        t.like(entry, { from: alice.address, mediaType: 'message/rfc822' });
        t.is(await contentOf(bob, entry!.number), `${head}${rest}`, `${over} ${auth}`);
      }
    const error = await t.throwsAsync(swaks('tls', 'PLAIN', `${password}!`));
    t.regex(String((error?.cause as { stdout?: string } | undefined)?.stdout), /^<~\* 535 5\.7\.8 /m);
    t.deepEqual((await bob.client().sync()).entries, []);
  },
);

test.serial(
  'native messages and mail from outside lie in Dovecot, mbsync reads them there, and flags of the user stay',
  async (t) => {
    const { dir, alice, bob, lmtp, startDovecot, push, stored } = await village(t);
    const dovecot = await startDovecot();
    const fromOutside = (subject: string) =>
      run(
        'swaks',
        [
          ['--protocol', 'LMTP', '--server', '127.0.0.1', '--port', String(lmtp)],
          ['--from', 'dave@legacy.test', '--to', alice.address],
          ['--data', mailOf('dave@legacy.test', subject)],
        ].flat(),
      );
    const arrived = (count: number) =>
      until('copies', async () => ((await stored()).length >= count ? await stored() : undefined));
    // The first one is an introduction, which is found with the next look; those after it are told of at once.
    await fromOutside('outside');
    await push(dovecot);
    await arrived(1);
    await bob.send([alice.address], [mailPart(mailOf(bob.address, 'native'))]);
    await fromOutside('another');
    t.deepEqual(sorted((await arrived(3)).map(subjectOf)), ['another', 'native', 'outside']);
    const maildir = join(dir, 'mine');
    const mbsync = await mailProgram(dir, dovecot, maildir);
    await mbsync();
    const mine = await mailsIn(maildir);
    t.deepEqual(sorted(mine.map(subjectOf)), ['another', 'native', 'outside']);
    const native = mine.find((text) => subjectOf(text) === 'native') ?? '';
    t.regex(native, /^X-Beckon-Letter: [A-Za-z0-9_-]{22}\r?\n/);
    const below = native
      .replaceAll('\r\n', '\n')
      .replace(/^X-TUID: .*\n/m, '')
      .split('\n')
      .slice(1)
      .join('\n');
    t.is(below, mailOf(bob.address, 'native').replaceAll('\r\n', '\n'));
    const outside = mine.find((text) => subjectOf(text) === 'outside') ?? '';
    t.regex(outside, /^Return-Path: <dave@legacy\.test>\r?$/m);
    // The user reads the one, and flags it; then more comes, and the daemon starts again.
    const [chosen = ''] = (
      await Promise.all(
        (await namesIn(maildir)).map(async (path) =>
          subjectOf(await readFile(path, 'latin1')) === 'native' ? path : '',
        ),
      )
    ).filter(Boolean);
    await rename(chosen, `${chosen.replace('/new/', '/cur/').replace(/:2,.*$/, '')}:2,FS`);
    await mbsync();
    await bob.send([alice.address], [mailPart(mailOf(bob.address, 'later'))]);
    t.deepEqual(sorted((await arrived(4)).map(subjectOf)), ['another', 'later', 'native', 'outside']);
    const second = join(dir, 'second');
    await (
      await mailProgram(dir, dovecot, second)
    )();
    const flags = await Promise.all(
      (await namesIn(second)).map(
        async (path) => `${subjectOf(await readFile(path, 'latin1'))} ${/:2,(\w*)$/.exec(path)?.[1] ?? ''}`,
      ),
    );
    t.deepEqual(
      sorted(flags).map((line) => line.trimEnd()),
      ['another', 'later', 'native FS', 'outside'],
    );
  },
);

test.serial(
  'kill -9 of the daemon again and again while it pushes: each message is in Dovecot once',
  async (t) => {
    t.timeout(500_000);
    const { alpha, alice, bob, startDovecot, push, stored } = await village(t);
    await push(await startDovecot());
    const [kills, each] = [6, 8];
    const subjects: string[] = [];
    for (let round = 0; round < kills; round++) {
      const names = Array.from({ length: each }, (_, n) => `push-${round}-${n}`);
      for (const name of names) await bob.send([alice.address], [mailPart(mailOf(bob.address, name))]);
      subjects.push(...names);
      await setTimeout(Math.random() * 150);
      await alpha.kill();
      await alpha.start();
      // While what was left is copied, and while the client begins.
      await setTimeout(Math.random() * (round % 2 === 0 ? 1200 : 100));
    }
    await until('copies', async () =>
      new Set((await stored()).map(subjectOf)).size >= subjects.length ? true : undefined,
    );
    await until('acceptance', async () => {
      const sent = await bob.client().sent();
      const states = sent.flatMap(({ recipients }) => recipients.map(({ state }) => state));
      return states.every((state) => state === 'accepted') ? true : undefined;
    });
    t.deepEqual(sorted((await stored()).map(subjectOf)), sorted(subjects));
  },
);

test.serial(
  'while Dovecot is down messages wait, the user is told, and then they come, each once',
  async (t) => {
    t.timeout(500_000);
    const { alice, bob, startDovecot, push, stored } = await village(t);
    const dovecot = await startDovecot();
    await push(dovecot);
    await bob.send([alice.address], [mailPart(mailOf(bob.address, 'before'))]);
    await until('the first', async () => ((await stored()).length === 1 ? true : undefined));
    await dovecot[Symbol.asyncDispose]();
    const waiting = ['down-1', 'down-2', 'down-3'];
    for (const name of waiting) await bob.send([alice.address], [mailPart(mailOf(bob.address, name))]);
    const state = await until('word of it', async () => {
      const { push: now } = await alice.client().mailbox.status();
      return now?.state === 'waiting' ? now : undefined;
    });
    t.is(state.code, 'network_failed');
    t.is((await stored()).length, 1);
    await startDovecot();
    await until('the others', async () => ((await stored()).length >= 4 ? true : undefined));
    await until('health', async () => {
      const { push: now } = await alice.client().mailbox.status();
      return now?.state === 'running' ? now : undefined;
    });
    t.deepEqual(sorted((await stored()).map(subjectOf)), sorted(['before', ...waiting]));
  },
);

/** Fetches Alice's INBOX into a Maildir, and carries flags both ways. */
async function mailProgram(dir: string, dovecot: Dovecot, maildir: string): Promise<() => Promise<void>> {
  const caFile = join(dir, 'store-ca.pem');
  const conf = join(dir, `${Date.now()}.mbsyncrc`);
  await mkdir(maildir);
  await writeFile(
    conf,
    `IMAPStore far
Host localhost
Port ${dovecot.imaps}
User ${login.user}
Pass "${login.password}"
SSLType IMAPS
SystemCertificates no
CertificateFile ${caFile}

MaildirStore near
Path ${dir}/
Inbox ${maildir}

Channel all
Far :far:INBOX
Near :near:INBOX
Create Near
Sync All
SyncState ${maildir}.state
`,
  );
  return async () => void (await run('mbsync', ['-c', conf, '-a']));
}
