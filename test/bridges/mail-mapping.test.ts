import test from 'ava';
import {
  claimedSender,
  fieldText,
  maxHeaderBytes,
  readHeader,
  replyAddress,
} from '../../src/bridges/mail-header.ts';
import { isLoop, maxHops, tracedMail, type Trace } from '../../src/bridges/mail-mapping.ts';

const host = 'mx.hoster.test';
const trace: Trace = {
  host,
  reversePath: 'bob@legacy.test',
  helo: 'mail.legacy.test',
  address: '192.0.2.7',
  protocol: 'ESMTPS',
  recipient: 'anna@example.test',
  received: 1_795_000_000,
  verdicts: {
    spf: { result: 'pass', domain: 'legacy.test' },
    dmarc: { result: 'fail', domain: 'bank.test' },
  },
};
const traceLines = [
  'Return-Path: <bob@legacy.test>',
  'Received: from mail.legacy.test ([192.0.2.7])',
  ` by ${host} (Beckon) with ESMTPS`,
  ' for <anna@example.test>;',
  ' Wed, 18 Nov 2026 11:06:40 +0000',
  `Authentication-Results: ${host};`,
  ' spf=pass smtp.mailfrom=legacy.test;',
  ' dmarc=fail header.from=bank.test',
  '',
].join('\r\n');

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function traced(text: string, changes: Partial<Trace> = {}): string {
  const mail = bytes(text);
  return Buffer.concat(tracedMail(mail, readHeader(mail), { ...trace, ...changes })).toString('latin1');
}

function sender(header: string): string | undefined {
  const mail = bytes(`${header}\r\n\r\nbody`);
  return claimedSender(mail, readHeader(mail));
}

test('the trace stands above what came, which follows byte for byte', (t) => {
  const mail = 'From: b@legacy.test\r\nX: \xe9\xff\r\n folded\r\n\r\n\x01\x80\r\nFrom: not a field\r\n.\r\n';
  t.is(traced(mail), traceLines + mail);
  t.is(traced(''), traceLines + '\r\n');
});

test('a mail without a header section does not go on in ours', (t) => {
  for (const mail of [
    ' dkim=pass header.d=bank.test\r\n\r\nx',
    'just text\r\nFrom: a@b.test\r\n\r\n',
    ':\r\n',
  ])
    t.is(traced(mail), `${traceLines}\r\n${mail}`);
  t.is(traced('\r\nbody'), `${traceLines}\r\nbody`);
});

test('what a client said cannot leave its place in the trace', (t) => {
  const evil = 'x\r\nFrom: y@bank.test\r\n (a;b) <c>';
  const shown = traced('\r\n', { helo: evil, reversePath: evil, recipient: evil, address: evil });
  const mail = bytes(shown);
  t.deepEqual(
    readHeader(mail).fields.map(({ name }) => name),
    ['return-path', 'received', 'authentication-results'],
  );
  t.false(shown.includes('\n '.repeat(2)));
});

test('results under our name are left out, however they are written; those of others stay', (t) => {
  const forged = [
    `Authentication-Results: ${host}; dkim=pass\r\n`,
    `authentication-RESULTS : (c;omment) ${host.toUpperCase()} 1;\r\n\tdkim=pass\r\n`,
    `Authentication-Results: "${host}"; dkim=pass\r\n`,
    `Authentication-Results:\r\n ${host};\r\n dkim=pass\r\n`,
    `Authentication-Results\r\n : ${host}; dkim=pass\r\n`,
    `Authentication-Results: (un(balanced ${host}; dkim=pass\r\n`,
    `X: a\r\nnot a field\r\nAuthentication-Results: ${host}; dkim=pass\r\n`,
  ];
  for (const field of forged) {
    const shown = traced(`A: 1\r\n${field}B: 2\r\n\r\nbody`);
    t.is(shown.slice(traceLines.length).match(/dkim=pass/), null, field);
    t.regex(shown, /A: 1\r\n[\s\S]*B: 2\r\n\r\nbody$/);
  }
  const others = [
    'Authentication-Results: mx.other.test; dkim=pass\r\n',
    `Authentication-Results: not-${host}; dkim=pass\r\n`,
    `X-Authentication-Results: ${host}; dkim=pass\r\n`,
  ];
  for (const field of others) t.is(traced(`${field}\r\nbody`), `${traceLines}${field}\r\nbody`);
  const inBody = `A: 1\r\n\r\nAuthentication-Results: ${host}; dkim=pass\r\n`;
  t.is(traced(inBody), traceLines + inBody);
});

test('the claimed sender is the one address of the one From', (t) => {
  t.is(sender('From: Bob <bob@Legacy.TEST>'), 'bob@legacy.test');
  t.is(sender('from:\r\n =?utf-8?Q?B=C3=B6b?=\r\n\t<bob@legacy.test>'), 'bob@legacy.test');
  t.is(sender('From: "anna@bank.test" <bob@legacy.test>'), 'bob@legacy.test');
  t.is(sender('From: "b, ob"@legacy.test'), undefined);
  t.is(sender('From: bob@b\xc3\xbccher.test'), 'bob@xn--bcher-kva.test');
  for (const none of [
    'X: y',
    'From: ',
    'From: Bob',
    'From: a@b.test, c@d.test',
    'From: a@b.test\r\nFrom: c@d.test',
    'From: a@b.test\r\nFrom : c@d.test',
    'From: friends: a@b.test, c@d.test;',
    'From: a@[192.0.2.1]',
    'From: a@localhost',
    `From: ${'a'.repeat(250)}@b.test`,
    `From: ${' '.repeat(20_000)}a@b.test`,
  ])
    t.is(sender(none), undefined, none);
});

test('where answers go is read in the same way', (t) => {
  const mail = bytes('From: a@b.test\r\nReply-To: List <list@b.test>\r\n\r\nReply-To: x@y.test');
  t.is(replyAddress(mail, readHeader(mail)), 'list@b.test');
});

test('a field is unfolded where its line goes on', (t) => {
  const mail = bytes('Subject: one\r\n two\r\n\tthree\r\n\r\n');
  const { fields, end } = readHeader(mail);
  t.deepEqual(
    fields.map((field) => fieldText(mail, field)),
    ['one two\tthree'],
  );
  t.is(end, mail.length - 2);
});

test('a header section has a limit', (t) => {
  t.throws(() => readHeader(bytes('A: b\r\n'.repeat(2100))), { code: 'too_large' });
  t.throws(() => readHeader(bytes(`A: ${'b'.repeat(maxHeaderBytes)}\r\nC: d\r\n`)), { code: 'too_large' });
  t.notThrows(() => readHeader(bytes(`A: b\r\n\r\n${'c'.repeat(maxHeaderBytes * 2)}`)));
});

test('a mail that was here too often, or on its way for too long, is a loop', (t) => {
  const loops = (field: string, count: number): boolean => {
    const mail = bytes(`${field.repeat(count)}\r\n`);
    return isLoop(mail, readHeader(mail), host);
  };
  const other = 'Received: from a by mx.other.test with SMTP; date\r\n';
  t.false(loops(other, maxHops.all));
  t.true(loops(other, maxHops.all + 1));
  const own = `Received: from a\r\n by ${host} (Beckon) with SMTP; date\r\n`;
  t.false(loops(own, maxHops.own - 1));
  t.true(loops(own, maxHops.own));
  t.true(traced('\r\nbody').includes(`by ${host} (Beckon)`));
});
