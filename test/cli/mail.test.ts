import { hostname } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import type { InboxEntry } from '../../src/client/api.ts';
import { composeMail } from '../../src/cli/compose-mail.ts';
import { formatFingerprint } from '../../src/cli/fingerprint.ts';
import { isFingerprint, readFingerprint } from '../../src/keys/fingerprint-forms.ts';
import { entryLines, inboxLines } from '../../src/cli/inbox-lines.ts';
import { filePart, subjectOfMail } from '../../src/cli/outgoing-parts.ts';
import { mailLines, filesInside, parseMail } from '../../src/cli/show-mail.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { testDirectory } from '../support/directory.ts';

const date = 1_800_000_000;
const draft = { from: 'alice@alpha.test', to: ['bob@beta.test'], subject: 'Hi', text: 'x', date };
const entry: InboxEntry = {
  number: 7,
  status: 'accepted',
  from: 'alice@alpha.test',
  fromVerified: true,
  way: 'drop',
  senderDomain: 'alpha.test',
  handle: 'mfrggzdfmztwq2lk',
  expires: date + 86_400,
  firstSeen: date,
  sizeAtMost: 4096,
  author: 'alice@alpha.test',
  forwarded: false,
  created: date,
  mediaType: 'message/rfc822',
  length: 100,
};

test('a composed letter is RFC 5322 and reads back', async (t) => {
  const bytes = await composeMail(
    {
      ...draft,
      to: ['bob@beta.test', 'jörg@gamma.test'],
      subject: 'Grüße '.repeat(20).trim(),
      text: 'Zeile\n.\nFrom here\n' + 'lang '.repeat(300),
      references: ['<a@b.test>', '<c@d.test>'],
    },
    systemRandom,
  );
  const text = new TextDecoder().decode(bytes);
  t.notRegex(text, /(?<!\r)\n/);
  t.true(text.split('\r\n').every((line) => line.length <= 998));
  t.regex(text, /^Date: Fri, 15 Jan 2027 08:00:00 \+0000\r$/m);
  t.regex(text, /^Message-ID: <[A-Za-z0-9_-]{22}@alpha\.test>\r$/m);
  t.regex(text, /^In-Reply-To: <c@d\.test>\r$/m);
  const mail = await parseMail(bytes);
  t.is(mail.subject, 'Grüße '.repeat(20).trim());
  t.is(mail.from, 'alice@alpha.test');
  t.is(mail.to, 'bob@beta.test, jörg@gamma.test');
  t.is(mail.text.trim(), ('Zeile\n.\nFrom here\n' + 'lang '.repeat(300)).trim());
  t.deepEqual(mail.references?.slice(0, 2), ['<a@b.test>', '<c@d.test>']);
});

test('a letter says nothing about the machine', async (t) => {
  // A short name is found in random letters now and then.
  const same = (length: number): Uint8Array => new Uint8Array(length);
  const text = new TextDecoder().decode(await composeMail(draft, same));
  t.false(text.split(/[^A-Za-z0-9.-]+/).includes(hostname()));
  t.notRegex(text, /^(X-|User-Agent|Received)/im);
});

test('neither subject nor text adds a header', async (t) => {
  const subject = 'Hi\r\nBcc: eve@evil.test\r\n\r\nbody';
  const text = new TextDecoder().decode(await composeMail({ ...draft, subject }, systemRandom));
  t.notRegex(text, /^Bcc:/im);
  const mail = await parseMail(new TextEncoder().encode(text));
  t.is(mail.text.trim(), 'x');
});

test('any text comes back', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (text) => {
      const mail = await parseMail(await composeMail({ ...draft, text: `>${text}<` }, systemRandom));
      t.is(mail.text.replaceAll('\r\n', '\n').trim(), `>${text}<`.replaceAll('\r\n', '\n'));
    }),
    { numRuns: 200 },
  );
});

const hostileMail = [
  'From: "boss\u001b[2J" <boss@bank.test>',
  'To: bob@beta.test',
  'Subject: =?UTF-8?B?G1syShsdMDtvd25lZAc=?=\u202e',
  'Message-ID: <x\u0007y@z>',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'hello\u001b[31m\u009b5A\rFrom     boss@bank.test (verified)',
  '--b',
  'Content-Type: text/x\u001b[1m; name="a\u001b]0;x\u0007.txt"',
  'Content-Disposition: attachment; filename="../../\u001b[2Jx"',
  '',
  'x',
  '--b--',
].join('\r\n');

test('a hostile letter leaves the terminal alone, and its claim is not taken for the sender', async (t) => {
  const mail = await parseMail(new TextEncoder().encode(hostileMail));
  const lines = mailLines(entry, mail);
  for (const line of lines) t.notRegex(line, /(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  t.is(lines[0], 'From     alice@alpha.test (verified)');
  t.regex(lines.join('\n'), /^Claims {3}to be from .*boss@bank\.test/m);
  t.is(lines.filter((line) => line.startsWith('From ')).length, 1);
  t.deepEqual(mail.references, undefined);
});

test('a claim that only contains the sender is still shown', async (t) => {
  const mail = await parseMail(
    new TextEncoder().encode('From: alice@alpha.test.evil.test\r\nSubject: x\r\n\r\nhi\r\n'),
  );
  t.regex(mailLines(entry, mail).join('\n'), /^Claims/m);
});

test('whatever the bytes are, a letter is shown', async (t) => {
  const parts = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
    fc
      .array(
        fc.constantFrom(...hostileMail.split('\r\n'), '--b', 'Content-Type: multipart/mixed; boundary=b'),
      )
      .map((lines) => new TextEncoder().encode(lines.join('\r\n'))),
  );
  await fc.assert(
    fc.asyncProperty(parts, async (bytes) => {
      for (const line of mailLines(entry, await parseMail(bytes)))
        t.notRegex(line, /(?![\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
    { numRuns: 300 },
  );
});

test('hostile entries leave the terminal alone', (t) => {
  const bad = '\u001b[2J\n\u202e';
  const waiting = { ...entry, from: `eve${bad}@evil.test`, status: 'waiting', way: 'introduction' } as const;
  const part = { ...entry, number: 9, fileName: `x${bad}`, mediaType: `y${bad}`, refusal: bad } as const;
  const entries: InboxEntry[] = [
    waiting,
    { ...entry, number: 8, fileName: `x${bad}`, author: `z${bad}`, forwarded: true },
    { ...part, status: 'refused' },
    { ...entry, number: 10, cover: true, parts: [part] },
  ];
  const lines = inboxLines(entries, date);
  t.is(lines.length, 5);
  for (const line of lines) t.notRegex(line, /[\p{Cc}\p{Cf}]/u);
});

test('parts that wait for the rest of their message are one line, and nobody is introduced by them', (t) => {
  const part = {
    ...entry,
    status: 'waiting',
    way: 'introduction',
    fileName: 'secret plan.txt',
    restUntil: date + 7200,
  } as const;
  const others = [
    { ...part, number: 9, restUntil: date + 3600 },
    { ...part, number: 10, from: 'x@y.test' },
  ];
  t.deepEqual(inboxLines([part, ...others], date), [
    '   7  .  alice@alpha.test  2 parts of a message, waiting for the rest of it (shown without it in 1 h)',
    '  10  .  x@y.test  a part of a message, waiting for the rest of it (shown without it in 2 h)',
  ]);
});

test('introductions claim, opened messages are verified, and both say what they are', (t) => {
  const claim = { ...entry, status: 'waiting', way: 'introduction', fromVerified: false } as const;
  t.regex(entryLines(claim, date)[0] ?? '', /\? {2}alice@alpha\.test wants to reach you \(claimed\)/);
  t.regex(
    entryLines({ ...entry, status: 'opened' }, date)[0] ?? '',
    /\* {2}2027-01-15 08:00Z {2}alice@alpha\.test {2}letter, 100 B, new/,
  );
  t.regex(entryLines({ ...entry, status: 'withdrawn' }, date)[0] ?? '', /withdrawn by the sender/);
  const refused = { ...entry, status: 'refused', refusal: 'signature_invalid' } as const;
  t.regex(entryLines(refused, date)[0] ?? '', /! .*refused \[signature_invalid\]/);
  t.is(
    inboxLines([claim, { ...claim, number: 8 }, { ...claim, number: 9, from: 'x@y.test' }], date).length,
    2,
  );
});

test('files have the type of their name and their own bytes', async (t) => {
  await using dir = await testDirectory();
  const path = join(dir.path, 'letter.eml');
  await writeFile(path, 'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nbody\r\n');
  const part = await filePart(path);
  t.is(part.mediaType, 'message/rfc822');
  t.is(part.fileName, 'letter.eml');
  t.is(part.length, 46);
  t.is(await subjectOfMail(path), 'Grüße');
  const other = join(dir.path, 'noextension');
  await writeFile(other, '');
  t.is((await filePart(other)).mediaType, 'application/octet-stream');
});

test('no fingerprint looks like an option', (t) => {
  const bytes = Uint8Array.of(0xf8, ...new Uint8Array(31));
  const fingerprint = Buffer.from(bytes).toString('base64url');
  t.is(fingerprint[0], '-');
  t.false(formatFingerprint(fingerprint).startsWith('-'));
  t.true(isFingerprint(readFingerprint(` ${formatFingerprint(fingerprint)} `), bytes));
});

const bridged: InboxEntry = {
  ...entry,
  status: 'opened',
  from: 'mail-bridge@alpha.test',
  author: 'mail-bridge@alpha.test',
  way: 'introduction',
  byOwnBridge: true,
  mail: {
    kind: 'mail',
    reversePath: 'bounce@legacy.test',
    recipient: 'bob@alpha.test',
    received: date,
    from: 'bob@legacy.test',
    verdicts: { spf: { result: 'pass', domain: 'legacy.test' }, dmarc: { result: 'none' } },
    client: 'mail.legacy.test [192.0.2.7]',
  },
};

test('what came by mail is shown as claimed, and by whom', (t) => {
  const [line = ''] = entryLines(bridged, date);
  t.regex(line, /^ +7 {2}\* {2}2027-01-15 08:00Z {2}bob@legacy\.test \(by mail\) /);
  const doubtful = { ...bridged.mail!, verdicts: { doubt: { result: 'dmarc' } } };
  const [marked = ''] = entryLines({ ...bridged, mail: doubtful }, date);
  t.regex(marked, /\(by mail, DOUBTFUL: the domain it claims does not stand by it\)/);
  const [far = ''] = entryLines({ ...bridged, senderDomain: 'gamma.test', byOwnBridge: false }, date);
  t.regex(far, /bob@legacy\.test \(by mail, says the bridge of gamma\.test\)/);
  const [report = ''] = entryLines({ ...bridged, mail: { ...bridged.mail!, kind: 'report' } }, date);
  t.regex(report, /report on mail that you sent/);
});

test('a letter that came by mail never shows as verified', async (t) => {
  const mail = await parseMail(Buffer.from('From: Bob <bob@legacy.test>\r\nTo: a@b.test\r\n\r\nHi\r\n'));
  const lines = mailLines(bridged, mail);
  t.false(lines.join('\n').includes('verified'));
  t.deepEqual(lines.slice(0, 5), [
    'From     bob@legacy.test (claimed: it came by mail)',
    'Checks   dmarc none, spf pass (legacy.test)',
    'Path     bounce@legacy.test',
    'For      bob@alpha.test',
    'Via      mail.legacy.test [192.0.2.7]',
  ]);
  t.false(lines.some((line) => line.startsWith('Claims')));
  const evil = {
    ...bridged.mail!,
    from: 'x\u001b[31m@y.test',
    client: 'a\r\nb',
    verdicts: { doubt: { result: '\u202e' } },
  };
  const shown = mailLines({ ...bridged, mail: evil, senderDomain: 'gamma.test', byOwnBridge: false }, mail);
  t.regex(shown[0] ?? '', /^DOUBT/);
  t.true(shown.includes("Bridge   that of gamma.test says so, not your domain's"));
  // oxlint-disable-next-line no-control-regex
  t.false(/[\u0000-\u001f\u202e]/.test(shown.join('')));
});

test('what is inside a mail is each file as it was, its names what their author says, and text that is HTML only', async (t) => {
  const head = 'From: b@c.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n';
  const html = '--b\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n';
  const file =
    '--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n' +
    'Content-Disposition: attachment; filename="../../a.pdf"\r\n\r\nAP8=\r\n--b--\r\n';
  const [pdf, page, ...more] = await filesInside(Buffer.from(head + html + file));
  t.deepEqual([pdf?.name, pdf?.type, [...pdf!.bytes]], ['../../a.pdf', 'application/pdf', [0, 255]]);
  t.is(page?.type, 'text/html');
  t.regex(Buffer.from(page!.bytes).toString(), /<p>Hi<\/p>/);
  t.deepEqual(more, []);
  t.deepEqual(await filesInside(Buffer.from('From: b@c.test\r\n\r\nHi\r\n')), []);
});
