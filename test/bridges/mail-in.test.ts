import test from 'ava';
import type { Deliver, Delivered, MailToDeliver } from '../../src/bridges/deliver-api.ts';
import type { IncomingMail } from '../../src/bridges/incoming.ts';
import { createMailIn, type MailInParts } from '../../src/bridges/mail-in.ts';
import type { FoundRecipient } from '../../src/bridges/native-recipients.ts';
import type { MailPolicy } from '../../src/bridges/mail-policy.ts';
import { createFindMailRecipient } from '../../src/bridges/mail-recipients.ts';
import type { Checked } from '../../src/bridges/mail-verdicts.ts';
import { BeckonError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { testClock } from '../support/clock.ts';

const forged: Checked = { verdicts: { dmarc: { result: 'fail', domain: 'bank.test' } }, asked: 'reject' };
const known: Readonly<Record<string, 'native' | 'later' | 'legacy'>> = {
  'anna@here.test': 'native',
  'bert@here.test': 'native',
  'info@here.test': 'native',
  'carl@strict.test': 'native',
  'away@here.test': 'later',
  'dora@elsewhere.test': 'native',
  'late@elsewhere.test': 'later',
  'x@legacy.test': 'legacy',
};
const standings: Readonly<Record<string, 'bridge' | 'no_bridge'>> = {
  'here.test': 'bridge',
  'strict.test': 'bridge',
  'bare.test': 'no_bridge',
};
const named = 'Message-ID: <1@legacy.test>\r\nFrom: Bob <bob@legacy.test>\r\n\r\nHello\r\n';

interface Changes {
  readonly kind?: 'smtp' | 'lmtp';
  readonly checked?: Checked;
  readonly delivered?: (address: string) => Delivered;
  readonly deliver?: Deliver;
}

function start({ kind = 'smtp', checked = { verdicts: {} }, ...changes }: Changes = {}) {
  const given: MailToDeliver[] = [];
  const parts: MailInParts = {
    kind,
    host: 'mx.here.test',
    find: createFindMailRecipient({
      recipients: { find: async (address) => ({ kind: known[address] ?? 'unknown' }) as FoundRecipient },
      standing: async (domain) => standings[domain] ?? 'not_ours',
      elsewhere: kind === 'lmtp',
    }),
    check: async () => checked,
    policyOf: async (domain): Promise<MailPolicy> => (domain === 'strict.test' ? 'refuse' : 'mark'),
    bridgeFor: (reversePath) => (reversePath.endsWith('strict.test') ? 'strict.test' : 'here.test'),
    deliver:
      changes.deliver ??
      (async (mail) => {
        given.push({ ...mail, content: mail.content.map((piece) => piece.slice()) });
        return mail.to.map(
          ({ address }) => changes.delivered?.(address) ?? { outcome: 'stored', handle: 'handle' },
        );
      }),
    quota: { fitsAddress: async (address, _domain, bytes) => !address.startsWith('bert') || bytes < 1000 },
    clock: testClock(1_800_000_000),
    log: silentLog,
  };
  const handler = createMailIn(parts);
  const mail = (recipients: readonly string[], text = named): IncomingMail => ({
    client: { helo: 'mail.legacy.test', address: '192.0.2.7', protocol: 'ESMTP' },
    reversePath: 'bob@legacy.test',
    recipients,
    bytes: Buffer.from(text, 'latin1'),
  });
  const codes = async (recipients: readonly string[], text?: string) =>
    (await handler.take(mail(recipients, text))).map(({ code, text }) => `${code} ${text.split(' ', 1)[0]}`);
  return { handler, given, codes, mail };
}

const code = (answer: { code: number; text: string } | undefined) =>
  answer && `${answer.code} ${answer.text.split(' ', 1)[0]}`;

test('users and their tags are found; others are told apart by code', async (t) => {
  const { handler } = start();
  const ask = async (typed: string) => code(await handler.recipient(typed, [], 0));
  for (const one of ['anna@here.test', 'Anna+tag@HERE.test', 'info@here.test'])
    t.is(await ask(one), undefined, one);
  for (const none of ['x@here.test', 'a b@here.test', '"a"@here.test', 'here.test', 'postmaster'])
    t.is(await ask(none), '550 5.1.1', none);
  t.is(await ask('away@here.test'), '450 4.2.1');
  for (const not of ['dora@elsewhere.test', 'anna@bare.test']) t.is(await ask(not), '554 5.7.1', not);
});

test('who has no more room is told so before the bytes come, by what was announced', async (t) => {
  const { handler } = start();
  t.is(code(await handler.recipient('bert@here.test', [], 1000)), '452 4.2.2');
  t.is(await handler.recipient('bert@here.test', [], 999), undefined);
  t.is(await handler.recipient('anna@here.test', [], 1000), undefined);
});

test('nobody can send through us: over SMTP to our users only, over LMTP to natives only', async (t) => {
  const smtp = start();
  t.deepEqual(await smtp.codes(['dora@elsewhere.test', 'x@legacy.test']), ['554 5.7.1', '554 5.7.1']);
  t.deepEqual(smtp.given, []);
  const lmtp = start({ kind: 'lmtp' });
  t.deepEqual(await lmtp.codes(['dora@elsewhere.test', 'x@legacy.test', 'late@elsewhere.test']), [
    '250 2.0.0',
    '550 5.1.1',
    '450 4.2.1',
  ]);
  t.deepEqual(
    lmtp.given.map(({ from, to }) => [from, to.map(({ address }) => address)]),
    [['here.test', ['dora@elsewhere.test']]],
  );
});

test('each domain’s bridge writes to its own users, once for all of them, with what each needs to know', async (t) => {
  const { given, codes } = start({
    checked: { verdicts: { spf: { result: 'pass', domain: 'legacy.test' } } },
  });
  const text = named.replace('\r\n\r\n', '\r\nReply-To: list@legacy.test\r\n\r\n');
  t.deepEqual(await codes(['anna+x@here.test', 'carl@strict.test', 'info@here.test'], text), [
    '250 2.0.0',
    '250 2.0.0',
    '250 2.0.0',
  ]);
  t.deepEqual(
    given.map(({ from, to }) => [from, ...to.map(({ address, tag }) => `${address} ${tag ?? ''}`)]),
    [
      ['here.test', 'anna@here.test x', 'info@here.test '],
      ['strict.test', 'carl@strict.test '],
    ],
  );
  t.deepEqual(given[0]?.to[0]?.mail, {
    kind: 0,
    reversePath: 'bob@legacy.test',
    recipient: 'anna+x@here.test',
    received: 1_800_000_000,
    from: 'bob@legacy.test',
    replyTo: 'list@legacy.test',
    verdicts: { spf: { result: 'pass', domain: 'legacy.test' } },
    client: 'mail.legacy.test [192.0.2.7]',
  });
  const content = Buffer.concat(given[0]?.content ?? []).toString();
  t.true(content.startsWith('Return-Path: <bob@legacy.test>\r\n'));
  t.true(content.endsWith(text));
});

test('a forged mail is marked or refused, as the domain of each recipient chose', async (t) => {
  const { given, codes, handler } = start({ checked: forged });
  t.deepEqual(await codes(['anna@here.test', 'carl@strict.test']), ['250 2.0.0', '550 5.7.1']);
  t.deepEqual(given[0]?.to[0]?.mail.verdicts?.doubt, { result: 'dmarc' });
  t.is(given.length, 1);
  t.is(code(await handler.recipient('carl@strict.test', ['anna@here.test'], 0)), '452 4.5.3');
  t.is(await handler.recipient('bert@here.test', ['anna@here.test'], 999), undefined);
  const lmtp = start({ checked: forged, kind: 'lmtp' });
  t.deepEqual(await lmtp.codes(['carl@strict.test']), ['250 2.0.0']);
  t.deepEqual(lmtp.given[0]?.to[0]?.mail.verdicts?.doubt, { result: 'dmarc' });
});

test('what cannot be found out now is asked for again where it would be refused, else marked', async (t) => {
  const { given, codes } = start({ checked: { verdicts: { dmarc: { result: 'temperror' } } } });
  t.deepEqual(await codes(['anna@here.test', 'carl@strict.test']), ['250 2.0.0', '451 4.7.0']);
  t.deepEqual(given[0]?.to[0]?.mail.verdicts?.doubt, { result: 'temporary' });
});

test('only what is stored is answered with 250', async (t) => {
  const outcomes: Readonly<Record<string, Delivered>> = {
    'anna@here.test': { outcome: 'repeated', handle: 'handle' },
    'bert@here.test': { outcome: 'later', code: 'quota_exceeded' },
    'info@here.test': { outcome: 'unknown' },
    'carl@strict.test': { outcome: 'later', code: 'storage_full' },
  };
  const { codes } = start({ delivered: (address) => outcomes[address]! });
  t.deepEqual(await codes(['anna@here.test', 'bert@here.test', 'info@here.test', 'carl@strict.test']), [
    '250 2.0.0',
    '452 4.2.2',
    '550 5.1.1',
    '451 4.3.0',
  ]);
  for (const error of [new BeckonError('storage_failed', 'x'), new Error('a fault of ours')]) {
    const failing = start({ deliver: () => Promise.reject(error) });
    t.deepEqual(await failing.codes(['anna@here.test']), ['451 4.3.0']);
  }
});

test('a mail that comes again is known by its bytes, its sender and its recipient, where it says what it is', async (t) => {
  const { given, codes } = start();
  await codes(['anna@here.test', 'bert@here.test']);
  await codes(['anna@here.test']);
  await codes(['anna@here.test'], named.replace('Hello', 'Hullo'));
  await codes(['anna@here.test'], 'From: a@b.test\r\n\r\nno name, no date');
  const once = given.flatMap(({ to }) => to.map(({ once }) => once && Buffer.from(once).toString('hex')));
  t.is(once[0]?.length, 64);
  t.not(once[0], once[1]);
  t.is(once[0], once[2]);
  t.not(once[0], once[3]);
  t.is(once[4], undefined);
});

test('loops and endless headers are cut', async (t) => {
  const { given, codes } = start();
  const own = 'Received: from x by mx.here.test (Beckon) with ESMTP; now\r\n';
  t.deepEqual(await codes(['anna@here.test', 'bert@here.test'], own.repeat(5) + named), [
    '554 5.4.6',
    '554 5.4.6',
  ]);
  t.deepEqual(await codes(['anna@here.test'], `X: y\r\n`.repeat(3000)), ['554 5.6.0']);
  t.deepEqual(given, []);
});

test('addresses that are too long for a letter are left out of it, and the mail is there all the same', async (t) => {
  const { handler, given, mail } = start();
  const long = `${'a'.repeat(300)}@legacy.test`;
  const [answer] = await handler.take({ ...mail(['anna@here.test']), reversePath: long });
  t.is(code(answer), '250 2.0.0');
  t.is(given[0]?.to[0]?.mail.reversePath, '');
});
