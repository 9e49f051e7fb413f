/** Mail that comes in over SMTP and LMTP, to the user who reads it. */
import test, { type ExecutionContext } from 'ava';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memorySink } from '../client/sink.ts';
import { openLine, type SmtpLine } from '../bridges/smtp-line.ts';
import type { Hoster } from './hoster.ts';
import type { Person } from './person.ts';
import { startTown, type Town } from './town.ts';

const doors = {
  'smtp_in.listen': '127.0.0.1:0',
  'smtp_in.max_size': '1MB',
  'lmtp.listen': '127.0.0.1:0',
  log_level: 'debug',
};
const mail =
  'From: Bob <bob@legacy.test>\r\nTo: ann@alpha.test\r\nSubject: Hi\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n';

/** A line that has said hello. */
async function lineTo(
  t: ExecutionContext,
  hoster: Hoster,
  kind: 'smtp' | 'lmtp' = 'smtp',
): Promise<SmtpLine> {
  const line = await openLine(hoster.mailPorts()[kind]);
  t.teardown(() => line.close());
  await line.answer();
  await line.say(`${kind === 'smtp' ? 'EHLO' : 'LHLO'} mail.legacy.test`);
  return line;
}

async function contentOf(person: Person, number: number): Promise<string> {
  const sink = memorySink();
  await person.client().payload(number, sink);
  return Buffer.from(sink.bytes).toString('latin1');
}

async function mailTown(hosters?: Readonly<Record<string, readonly string[]>>): Promise<Town> {
  return await startTown({ settings: doors, ...(hosters === undefined ? {} : { hosters }) });
}

test('mail over SMTP is there without asking, as it came, and is answered to whom it names', async (t) => {
  await using town = await mailTown();
  const ann = await town.enroll('ann@alpha.test');
  const line = await lineTo(t, town.hoster('alpha'));
  t.regex(await line.mail({ to: ['Ann+list@alpha.test'] }, mail), /^250 2\.0\.0 .* trace [a-z2-7]{16}$/);
  const [entry] = await ann.arrivals();
  t.like(entry, {
    status: 'opened',
    from: 'mail-bridge@alpha.test',
    byOwnBridge: true,
    mediaType: 'message/rfc822',
    tag: 'list',
    mail: {
      kind: 'mail',
      from: 'bob@legacy.test',
      reversePath: 'bob@legacy.test',
      recipient: 'Ann+list@alpha.test',
    },
  });
  const content = await contentOf(ann, entry!.number);
  t.true(
    content.startsWith('Return-Path: <bob@legacy.test>\r\nReceived: from mail.legacy.test ([127.0.0.1])'),
  );
  t.true(content.endsWith(`${mail}\r\n`));
  t.is(ann.client().reply(entry!.number).to, 'bob@legacy.test');
  t.is(await line.say('RCPT TO:<x@alpha.test>'), '503 Error: need MAIL command');
  await line.say('MAIL FROM:<b@c.test>');
  t.regex(await line.say('RCPT TO:<nobody@alpha.test>'), /^550 5\.1\.1/);
  t.regex(await line.say('RCPT TO:<bob@beta.test>'), /^554 5\.7\.1/);
  t.regex(await line.say('RCPT TO:<mail-bridge@alpha.test>'), /^550 5\.1\.1/);
});

test('a bridge that the domain was given since is known as soon as mail comes', async (t) => {
  await using town = await mailTown();
  const hoster = town.hoster('alpha');
  await hoster.admin.setDomain('alpha.test', { bridge: 'off' });
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  await bob.send([ann.address], mail);
  const [first] = await ann.arrivals();
  t.is(first?.from, bob.address);
  await hoster.admin.setDomain('alpha.test', { bridge: 'on' });
  const line = await lineTo(t, hoster, 'lmtp');
  t.regex(await line.mail({ to: [ann.address] }, mail), /^250 /);
  t.like((await ann.arrivals())[0], { status: 'opened', byOwnBridge: true, from: 'mail-bridge@alpha.test' });
  // Whoever wrote there before remembers the domain without one, too.
  await line.say('RSET');
  t.regex(await line.mail({ to: [bob.address] }, mail), /^250 /);
  const [waiting] = await bob.arrivals();
  t.like(await bob.client().open(waiting!.number), { mail: { from: 'bob@legacy.test' } });
});

test('the same mail once more is the same message; another is another', async (t) => {
  await using town = await mailTown();
  const ann = await town.enroll('ann@alpha.test');
  const line = await lineTo(t, town.hoster('alpha'));
  const first = await line.mail({ to: ['ann@alpha.test'] }, mail);
  t.is(await line.mail({ to: ['ann@alpha.test'] }, mail), first);
  t.not(await line.mail({ to: ['ann@alpha.test'] }, mail.replace('Hello', 'Hullo')), first);
  t.is((await ann.arrivals(2)).length, 2);
});

test('over LMTP mail goes natively to natives of other domains, who see whose word it is', async (t) => {
  await using town = await mailTown();
  const ann = await town.enroll('ann@alpha.test');
  const bob = await town.enroll('bob@beta.test');
  const line = await lineTo(t, town.hoster('alpha'), 'lmtp');
  const to = ['ann@alpha.test', 'bob@beta.test', 'nobody@alpha.test'];
  await line.say('MAIL FROM:<carl@alpha.test>');
  t.regex(await line.say(`RCPT TO:<${to[0]}>`), /^250/);
  t.regex(await line.say(`RCPT TO:<${to[1]}>`), /^250/);
  t.regex(await line.say(`RCPT TO:<${to[2]}>`), /^550/);
  await line.say('DATA');
  line.write(`${mail}.\r\n`);
  t.regex(await line.answer(), /^250 2\.0\.0/);
  t.regex(await line.answer(), /^250 2\.0\.0/);
  t.like((await ann.arrivals())[0], { status: 'opened', byOwnBridge: true });
  const [waiting] = await bob.arrivals();
  t.like(waiting, { status: 'waiting', from: 'mail-bridge@alpha.test', way: 'introduction' });
  const opened = await bob.client().open(waiting!.number);
  t.like(opened, { byOwnBridge: false, senderDomain: 'alpha.test', mail: { from: 'bob@legacy.test' } });
  t.true((await contentOf(bob, opened.number)).endsWith(mail));
});

test('a user of the domain cannot pass for its bridge', async (t) => {
  await using town = await mailTown();
  const ann = await town.enroll('ann@alpha.test');
  const eve = await town.enroll('eve@alpha.test');
  await eve.send([ann.address], mail);
  const [entry] = await ann.arrivals();
  const opened = await ann.client().open(entry!.number);
  t.is(opened.mail, undefined);
  t.is(opened.from, 'eve@alpha.test');
});

async function* filesIn(dir: string): AsyncGenerator<readonly [string, Buffer]> {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      yield [path, await readFile(path)];
    }
}

test('nothing of a mail is in clear text on disk or in logs, be it taken, refused, or cut off', async (t) => {
  await using town = await mailTown();
  const hoster = town.hoster('alpha');
  const ann = await town.enroll('ann@alpha.test');
  await hoster.admin.setDomain('alpha.test', { mailPolicy: 'accept' });
  const canary = `canary${Math.random().toString(36).slice(2)}`;
  const letter = (size: number) =>
    [
      `From: ${canary}@legacy.test`,
      `Subject: ${canary}`,
      '',
      ...Array.from({ length: size / 64 }, () => canary.padEnd(62, 'x')),
      '',
    ].join('\r\n');
  const from = `${canary}@legacy.test`;
  const ends = [
    [async (line: SmtpLine) => await line.mail({ from, to: [ann.address] }, letter(640)), /^250/],
    [async (line: SmtpLine) => await line.mail({ from, to: [ann.address] }, letter(150_000)), /^250/],
    [async (line: SmtpLine) => await line.mail({ from, to: [ann.address] }, letter(1_010_000)), /^552/],
    [async (line: SmtpLine) => await line.mail({ from, to: [ann.address] }, `${letter(640)}\n`), /^550/],
    [async (line: SmtpLine) => await line.mail({ from, to: [`${canary}@alpha.test`] }, letter(640)), /^550/],
    [
      async (line: SmtpLine) =>
        await line.mail({ from, to: [ann.address] }, `${`X: ${canary}\r\n`.repeat(3000)}\r\n`),
      /^554/,
    ],
  ] as const;
  for (let round = 0; round < 2; round++)
    for (const [send, expected] of ends) t.regex(await send(await lineTo(t, hoster)), expected);
  const cut = await lineTo(t, hoster);
  for (const words of [`MAIL FROM:<${from}>`, `RCPT TO:<${ann.address}>`, 'DATA']) await cut.say(words);
  cut.write(letter(64_000));
  await hoster.kill();
  let files = 0;
  for await (const [path, bytes] of filesIn(hoster.data)) {
    files++;
    t.false(bytes.includes(canary), path);
  }
  t.true(files > 3);
  t.true(town.logged.length > 0);
  for (const { line } of town.logged) t.false(line.includes(canary), line);
  await hoster.start();
  const entries = await ann.arrivals(4);
  t.true((await contentOf(ann, entries[0]!.number)).includes(canary));
});
