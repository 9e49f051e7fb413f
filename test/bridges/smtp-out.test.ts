import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import PostalMime from 'postal-mime';
import { createRoutes } from '../../src/bridges/mail-routes.ts';
import { createReseal } from '../../src/bridges/mail-reseal.ts';
import { checkMail } from '../../src/bridges/mail-check.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { BeckonError } from '../../src/errors.ts';
import type { DomainKeys } from '../../src/keys/domain-keys.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { silentLog } from '../../src/log.ts';
import { alice, pieces, random, start } from '../store/fixture.ts';
import { bridgeKey, domain, letter, mailWorld, statesOf, submitted } from './mail-world.ts';

test('mail leaves byte for byte below one trace of ours, once, and its content goes', async (t) => {
  const { store, sink, runner, told } = await mailWorld(t);
  const mail = await submitted(store, letter, {
    recipients: ['Carol+x@gamma.test', 'dave@delta.test'],
    notify: 4,
  });
  const out = runner();
  t.is(await out.turn(), 1);
  t.is(await out.turn(), 0);
  t.is(sink.mails.length, 1);
  const [received] = sink.mails;
  t.is(received?.from, 'alice@alpha.test');
  t.deepEqual(received?.to, ['Carol+x@gamma.test', 'dave@delta.test']);
  const text = received?.bytes.toString() ?? '';
  t.true(text.endsWith(letter));
  t.regex(
    text.slice(0, -letter.length),
    /^Received: by post\.hoster\.test \(Beckon\) with BECKON id [a-z2-7]{16};\r\n [^\r\n]+\r\n$/,
  );
  t.deepEqual(await statesOf(store, mail), ['delivered 2.0.0', 'delivered 2.0.0']);
  t.is((await store.mailQueue.get(alice, mail.id))?.content, undefined);
  t.deepEqual(told, [], 'nobody asked for more');
});

test('each recipient has an outcome of their own: one is taken, one refused, one waits', async (t) => {
  const codes: Record<string, number> = { 'no@gamma.test': 550, 'busy@gamma.test': 451 };
  const { store, sink, runner, told, clock } = await mailWorld(t, { refuse: (to) => codes[to] });
  const mail = await submitted(store, letter, {
    recipients: ['carol@gamma.test', 'no@gamma.test', 'busy@gamma.test'],
  });
  const out = runner();
  await out.turn();
  t.deepEqual(await statesOf(store, mail), ['delivered 2.0.0', 'failed 5.0.0', 'queued 4.0.0']);
  t.deepEqual(
    told.map(({ text }) => /^Action: (\w+)/m.exec(text)?.[1]),
    ['failed', 'relayed'],
  );
  delete codes['busy@gamma.test'];
  clock.advance(59);
  t.is(await out.turn(), 0, 'not before its time');
  clock.advance(1);
  await out.turn();
  t.deepEqual(
    sink.mails.map(({ to }) => to),
    [['carol@gamma.test'], ['busy@gamma.test']],
  );
  t.deepEqual(await statesOf(store, mail), ['delivered 2.0.0', 'failed 5.0.0', 'delivered 2.0.0']);
});

test('what one server took is noted while another takes its time', async (t) => {
  const slow = Promise.withResolvers<void>();
  const routes = createRoutes({
    carry: async ({ to }) => {
      if (to[0]?.endsWith('@delta.test') === true) await slow.promise;
      return to.map(() => ({ kind: 'sent', status: '2.0.0' }));
    },
    routeOf: (name) => name,
    limit: 4,
    clock: { seconds: () => start, monotonic: () => 0 },
  });
  const { store, runner } = await mailWorld(t, { parts: { routes } });
  const mail = await submitted(store, letter, { recipients: ['carol@gamma.test', 'dave@delta.test'] });
  const turn = runner().turn();
  while (!String(await statesOf(store, mail)).startsWith('delivered 2.0.0')) await sleep(5);
  t.regex(String(await statesOf(store, mail)), /^delivered 2\.0\.0,queued/);
  slow.resolve();
  await turn;
  t.deepEqual(await statesOf(store, mail), ['delivered 2.0.0', 'delivered 2.0.0']);
});

test('a failure comes back as a report that programs and people can read, with the header alone', async (t) => {
  const { store, runner, told } = await mailWorld(t, { refuse: () => 550 });
  const mail = await submitted(store, letter, { recipients: ['nobody@gamma.test'] });
  await runner().turn();
  t.is(told.length, 1);
  const [report] = told;
  t.is(report?.to.address, 'alice@alpha.test');
  t.like(report?.to.mail, {
    kind: 1,
    reversePath: '',
    recipient: 'alice@alpha.test',
    received: start,
    from: 'mail-bridge@alpha.test',
  });
  t.deepEqual(report?.to.mail.reference, mail.id);
  const text = report?.text ?? '';
  const parsed = await PostalMime.parse(text);
  t.is(parsed.from?.address, 'mail-bridge@alpha.test');
  t.regex(parsed.text ?? '', /not delivered to\s+nobody@gamma\.test/);
  t.regex(text, /^Content-Type: multipart\/report; report-type=delivery-status;/m);
  t.regex(
    text,
    /Content-Type: message\/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n\r\nReporting-MTA: dns; post\.hoster\.test\r\n/,
  );
  t.regex(
    text,
    /\r\n\r\nFinal-Recipient: rfc822; nobody@gamma\.test\r\nAction: failed\r\nStatus: 5\.0\.0\r\nRemote-MTA: dns; 127\.0\.0\.1\r\nDiagnostic-Code: smtp; 550 5\.0\.0\r\n/,
  );
  t.regex(text, /Auto-Submitted: auto-replied/);
  t.true(text.includes('Subject: Hello') && text.includes('Message-ID: <1@alpha.test>'));
  t.false(text.includes('lighthouse at dusk'), 'not the body');
});

test('what waits for four hours is told once, what waits for five days fails', async (t) => {
  const { store, runner, told, clock } = await mailWorld(t, { refuse: () => 450 });
  const mail = await submitted(store);
  const out = runner();
  const tries: number[] = [];
  for (let due = await store.mailQueue.nextDue(); due !== undefined; due = await store.mailQueue.nextDue()) {
    clock.advance(due - clock.seconds());
    tries.push(due - start);
    await out.turn();
  }
  t.deepEqual(tries.slice(0, 6), [0, 60, 360, 1260, 4860, 12_060]);
  t.deepEqual(
    told.map(({ text }) => /^Action: (\w+)/m.exec(text)?.[1]),
    ['delayed', 'failed'],
  );
  t.regex(told[0]?.text ?? '', /Will-Retry-Until: Wed, 20 Jan 2027/);
  t.deepEqual(await statesOf(store, mail), ['failed 4.4.7']);
  t.deepEqual(await out.turn(), 0);
  t.truthy((await store.mailQueue.get(alice, mail.id))?.content, 'a dead letter is kept');
  await store.mailQueue.retry(alice, mail.id, clock.seconds());
  t.deepEqual(await statesOf(store, mail), ['queued']);
});

test('nobody is told what they did not ask for', async (t) => {
  const { store, runner, told } = await mailWorld(t, {
    refuse: (to) => (to.startsWith('no') ? 550 : undefined),
  });
  await submitted(store, letter, { recipients: ['no@gamma.test', 'yes@gamma.test'], notify: 0 });
  await submitted(store, letter, { recipients: ['no@gamma.test', 'yes@gamma.test'], notify: 1 });
  await runner().turn();
  t.deepEqual(
    told.map(({ text }) => /^Action: (\w+)/m.exec(text)?.[1]),
    ['relayed'],
  );
});

test('a report that cannot be stored now is stored later, once', async (t) => {
  let isFull = true;
  const { store, runner, told, clock } = await mailWorld(t, {
    refuse: () => 550,
    delivered: () =>
      isFull ? { outcome: 'later', code: 'storage_full' } : { outcome: 'stored', handle: 'a'.repeat(16) },
  });
  const mail = await submitted(store);
  const out = runner();
  await out.turn();
  t.is((await store.mailQueue.get(alice, mail.id))?.ended, undefined);
  isFull = false;
  clock.advance(60);
  await out.turn();
  clock.advance(3600);
  await out.turn();
  t.is(told.length, 1);
  t.not((await store.mailQueue.get(alice, mail.id))?.ended, undefined);
});

const faults: readonly (readonly [string, string, string])[] = [
  ['another’s From', letter.replace('From: alice@', 'From: bob@'), '5.7.1'],
  ['another domain’s From', letter.replace('alice@alpha.test', 'alice@beta.test'), '5.7.1'],
  ['two From fields', `From: alice@alpha.test\r\n${letter}`, '5.7.1'],
  ['two addresses in From', letter.replace('alice@alpha.test', 'alice@alpha.test, bob@alpha.test'), '5.7.1'],
  ['no From', letter.replace('From:', 'X-From:'), '5.7.1'],
  ['another’s Sender', `Sender: bob@alpha.test\r\n${letter}`, '5.7.1'],
  ['another’s From behind a CR that stands alone', `X-Note: x\rFrom: bob@bank.test\r\n${letter}`, '5.7.1'],
  [
    'a header section that ends at two CR, with another’s From',
    `X-Note: x\rFrom: bob@bank.test\r\rPay.\r\n${letter}`,
    '5.7.1',
  ],
  ['another’s Sender behind a CR', `X-Note: x\rSender: bob@bank.test\r\n${letter}`, '5.7.1'],
  ['a Bcc behind a CR', `X-Note: x\rBcc: bob@bank.test\r\n${letter}`, '5.6.0'],
  ['a NUL in the header', `X-Note: x\r\n\0From: bob@bank.test\r\n${letter}`, '5.6.0'],
  ['a Bcc', `Bcc: dave@delta.test\r\n${letter}`, '5.6.0'],
  ['no header', `\r\n${letter}`, '5.6.0'],
  ['a hundred and one Received fields', `${'Received: by x\r\n'.repeat(101)}${letter}`, '5.4.6'],
  [
    'five Received fields of ours',
    `${'Received: by post.hoster.test (Beckon) with BECKON id x;\r\n'.repeat(5)}${letter}`,
    '5.4.6',
  ],
];
for (const [what, mail, code] of faults)
  test(`${what}: nothing leaves, and the sender is told`, async (t) => {
    const { store, sink, runner, told } = await mailWorld(t);
    const queued = await submitted(store, mail);
    await runner().turn();
    t.deepEqual(await statesOf(store, queued), [`failed ${code}`]);
    t.is(sink.mails.length, 0);
    t.is(told.length, 1);
  });

/** What each From, in a mail of Alice's, does. */
async function checkedFrom(from: string): Promise<unknown> {
  const mail = new TextEncoder().encode(letter.replace('alice@alpha.test', from));
  return await checkMail(pieces(mail), ['alice@alpha.test'], 'post.hoster.test');
}

test('a From in which another reader could find another author does not leave', async (t) => {
  for (const from of [
    '<alice@alpha.test> <bob@bank.test>',
    '<alice@alpha.test> bob@bank.test',
    'alice@alpha.test bob@bank.test',
    '"bob@bank.test" alice@alpha.test',
    'bob@bank.test <alice@alpha.test>',
    'bob@bank.test (x) <alice@alpha.test>',
    '(<) bob@bank.test (>) <alice@alpha.test>',
    '"x" <bob@bank.test> <alice@alpha.test>',
    '"x\\" <bob@bank.test>, "y" <alice@alpha.test>',
    'bob@bank.test: alice@alpha.test;',
    'bob@bank.test:alice@alpha.test',
    '<@bank.test,@bob:alice@alpha.test>',
    'alice@alpha.test (x\\) <bob@bank.test>',
    '<alice@alpha.test',
    'alice@alpha.test,',
    'a '.repeat(8000),
    '"'.repeat(16_001),
    `${'a'.repeat(16_000)}>`,
  ])
    t.is(await checkedFrom(from), '5.7.1', from);
});

test('From as mail programs write it leaves', async (t) => {
  for (const from of [
    '<alice@alpha.test>',
    'Alice A. Smith <Alice@alpha.test>',
    '"Smith, Alice \\"A.\\" (sales)" <alice@alpha.test>',
    '=?utf-8?q?Al=C3=AFce?= <alice@alpha.test>',
    "Zoë O'Neil\r\n <alice@alpha.test>",
    'alice@alpha.test (Alice)',
    'Alice <alice@alpha.test> (work)',
    '"alice@alpha.test" <alice@alpha.test>',
  ])
    t.not(typeof (await checkedFrom(from)), 'string', from);
});

test('an alias may write, and be its own sender', async (t) => {
  const { store, sink, runner } = await mailWorld(t);
  const mail = letter
    .replace('From: alice@', 'From: "Alice" <The.Alice@')
    .replace('test\r\nTo', 'test>\r\nTo');
  await submitted(store, `Sender: alice@alpha.test\r\n${mail}`, { reversePath: 'the.alice@alpha.test' });
  await submitted(store, letter, { reversePath: 'bob@alpha.test' });
  await runner().turn();
  t.deepEqual(
    sink.mails.map(({ from }) => from),
    ['the.alice@alpha.test'],
  );
});

test('content that is not what its client said does not leave', async (t) => {
  const { store, sink, runner } = await mailWorld(t);
  const spoilt = [
    await submitted(store, letter, { plaintextHash: random(32) }),
    await submitted(store, letter, { plaintextLength: 9 }),
    await submitted(store, letter, { contentKey: random(32) }),
  ];
  await runner().turn();
  for (const mail of spoilt) t.deepEqual(await statesOf(store, mail), ['failed 5.6.0']);
  t.is(sink.mails.length, 0);
});

test('who is native gets no clear text, and who is to be looked up again waits', async (t) => {
  const { store, sink, runner } = await mailWorld(t, {
    refuseRecipient: (to) =>
      to.endsWith('@beta.test')
        ? { kind: 'failed', status: '5.7.1' }
        : to.endsWith('@later.test')
          ? { kind: 'later', status: '4.4.3' }
          : undefined,
  });
  const mail = await submitted(store, letter, {
    recipients: ['bob@beta.test', 'x@later.test', 'carol@gamma.test'],
  });
  await runner().turn();
  t.deepEqual(
    sink.mails.map(({ to }) => to),
    [['carol@gamma.test']],
  );
  t.deepEqual(await statesOf(store, mail), ['failed 5.7.1', 'queued 4.4.3', 'delivered 2.0.0']);
});

test('mail under a key that is forgotten leaves under its successor, dead letters too', async (t) => {
  const next = createKeyPair(domain, 'bridge', systemRandom, { notBefore: start, notAfter: start + 1e7 });
  let refused = true;
  const keys = new Map([[Buffer.from(bridgeKey.id).toString('hex'), bridgeKey.secret]]);
  const key = (_domain: string, id: Uint8Array) => {
    const secret = keys.get(Buffer.from(id).toString('hex'));
    if (secret === undefined) throw new BeckonError('key_unknown', 'no such key');
    return secret;
  };
  const { store, sink, runner, clock } = await mailWorld(t, {
    refuse: () => (refused ? 550 : undefined),
    parts: { bridgeKey: key },
  });
  const dead = await submitted(store);
  await runner().turn();
  t.deepEqual(await statesOf(store, dead), ['failed 5.0.0']);
  const waiting = await submitted(store);
  const reseal = createReseal({ queue: store.mailQueue, clock, random: systemRandom, log: silentLog });
  const after = { domain, keys: [next] } as unknown as DomainKeys;
  await reseal(after, [{ ...next, id: random(8) }, bridgeKey]);
  keys.clear();
  keys.set(Buffer.from(next.id).toString('hex'), next.secret);
  refused = false;
  await store.mailQueue.retry(alice, dead.id, clock.seconds());
  await runner().turn();
  t.deepEqual(
    [await statesOf(store, dead), await statesOf(store, waiting), sink.mails.length],
    [['delivered 2.0.0'], ['delivered 2.0.0'], 2],
  );
});

test('mail whose key is gone fails at the second try, and its sender is told by number', async (t) => {
  const gone = () => {
    throw new BeckonError('key_unknown', 'no such key');
  };
  const { store, runner, told, clock } = await mailWorld(t, { parts: { bridgeKey: gone } });
  const mail = await submitted(store, letter, { recipients: ['carol@gamma.test', 'dave@gamma.test'] });
  const out = runner();
  await out.turn();
  t.deepEqual([await statesOf(store, mail), told], [['queued 4.7.0', 'queued 4.7.0'], []]);
  clock.advance(60);
  await out.turn();
  t.deepEqual(await statesOf(store, mail), ['failed 5.7.0', 'failed 5.7.0']);
  t.is(told.length, 1);
  t.like(told[0]?.to, { address: 'alice@alpha.test', mail: { kind: 1, reference: mail.id } });
  const text = told[0]?.text ?? '';
  t.regex(text, /Final-Recipient: x-place; 1\r\nAction: failed\r\nStatus: 5\.7\.0\r\n/);
  t.regex(text, /Final-Recipient: x-place; 2\r\n/);
  t.regex(text, /send it once more/);
  clock.advance(3600);
  await out.turn();
  t.is(told.length, 1);
});

test('what is dropped does not leave any more', async (t) => {
  const { store, sink, runner } = await mailWorld(t);
  const mail = await submitted(store);
  await store.mailQueue.drop(alice, mail.id, start);
  await runner().turn();
  t.is(sink.mails.length, 0);
  t.deepEqual(await statesOf(store, mail), ['dropped']);
});

test('a server that is down is left alone for a while, whatever waits for it', async (t) => {
  const { store, sink, runner, clock } = await mailWorld(t);
  await sink.close();
  const first = await submitted(store);
  const out = runner();
  await out.turn();
  const second = await submitted(store);
  await out.turn();
  t.deepEqual(await statesOf(store, first), ['queued 4.4.1']);
  t.deepEqual(await statesOf(store, second), ['queued 4.4.1']);
  t.is((await store.mailQueue.get(alice, second.id))?.recipients[0]?.next, start + 60);
  clock.advance(60);
  t.is(await out.turn(), 2);
});

test('a mail of 20 MB passes as it is, and nothing of any mail lies on disk in clear text', async (t) => {
  const { store, sink, runner, dir } = await mailWorld(t, { size: 64 << 20 });
  const canary = 'canary-4711-in-the-mail';
  const attached = Buffer.from(random(15_000_000)).toString('base64').replace(/.{76}/g, '$&\r\n');
  const large = `${letter}${canary}\r\n${attached}\r\n`;
  await submitted(store, large, { recipients: [`${canary}@gamma.test`] });
  await runner().turn();
  const [received] = sink.mails;
  const hash = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
  t.is(hash(received?.bytes.subarray(-large.length) ?? ''), hash(large));
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  t.true(files.length > 2);
  for (const { parentPath, name } of files)
    for (const text of [canary, 'gamma.test', 'lighthouse'])
      t.false(readFileSync(join(parentPath, name)).includes(text), `${name} holds ${text}`);
});

test('after a restart what waits is tried again at its time, and what left is not', async (t) => {
  const { store, sink, runner, clock, reopen } = await mailWorld(t, {
    refuse: (to) => (to.startsWith('busy') && clock.seconds() < start + 60 ? 451 : undefined),
  });
  const mail = await submitted(store, letter, { recipients: ['carol@gamma.test', 'busy@gamma.test'] });
  await runner().turn();
  const again = await reopen();
  t.is(await runner(again).turn(), 0);
  clock.advance(60);
  await runner(again).turn();
  t.deepEqual(
    sink.mails.map(({ to }) => to),
    [['carol@gamma.test'], ['busy@gamma.test']],
  );
  t.deepEqual(await statesOf(again, mail), ['delivered 2.0.0', 'delivered 2.0.0']);
});

test('it runs until it is stopped, and is woken by what is new', async (t) => {
  const { store, sink, runner } = await mailWorld(t);
  const stop = new AbortController();
  const running = runner().run(stop.signal);
  const mail = await submitted(store);
  while ((await statesOf(store, mail))?.[0] !== 'delivered 2.0.0')
    await new Promise((go) => setTimeout(go, 5));
  stop.abort();
  await running;
  t.is(sink.mails.length, 1);
});
