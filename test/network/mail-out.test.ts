/** Mail out of a domain: from a client to an SMTP server, and what comes back. */
import test, { type ExecutionContext } from 'ava';
import PostalMime from 'postal-mime';
import type { Client, MailWord, SendResult } from '../../src/client/api.ts';
import { createClient, type TextFile } from '../../src/client/index.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { BeckonError } from '../../src/errors.ts';
import { mailPart } from '../client/sink.ts';
import { loopback } from '../support/dns-server.ts';
import { startSmtpSink, type SmtpSinkOptions } from '../support/smtp-sink.ts';
import { eventually } from './eventually.ts';
import { connect, memoryFile, type MemoryFile, type Person } from './person.ts';
import { startTown, type Town } from './town.ts';

const hour = 3600;
const legacy: readonly DnsRecord[] = [
  { type: 'MX', name: 'gamma.test', priority: 10, exchange: 'mx.gamma.test' },
  ...loopback('mx.gamma.test'),
];

async function townWithMail(t: ExecutionContext, options: SmtpSinkOptions = {}) {
  const sink = await startSmtpSink({ hideSTARTTLS: true, ...options });
  t.teardown(() => sink.close());
  const town = await startTown({ settings: { 'smtp_out.via': `smtp://127.0.0.1:${sink.port}` } });
  t.teardown(() => town[Symbol.asyncDispose]());
  publish(town);
  return { town, sink };
}

/** What all publish, with a domain beside them that takes mail only. */
function publish(town: Town): void {
  town.dns.set([...town.hosters().flatMap((hoster) => hoster.records()), ...legacy]);
}

interface Sending {
  readonly words?: Readonly<Record<string, MailWord>>;
  readonly partial?: boolean;
}

/** A text as one mail. */
function wholeOf(from: Person, to: readonly string[], text: string) {
  const whole = new TextEncoder().encode(
    `From: ${from.address}\r\nTo: ${to.join(', ')}\r\nSubject: ${text}\r\nMessage-ID: <x@alpha.test>\r\n\r\n${text}\r\n`,
  );
  return {
    length: whole.length,
    open: async function* () {
      yield whole;
    },
  };
}

/** Sends a text, by mail too where the words say so; tells which domains were asked about. */
async function send(
  from: Person,
  to: readonly string[],
  text: string,
  { words = {}, partial = false }: Sending = {},
): Promise<SendResult & { readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const result = await from.client().send({
    to,
    parts: [mailPart(text)],
    subject: text,
    partial,
    mail: {
      compose: async () => wholeOf(from, to, text),
      ask: async (domains) => {
        asked.push(...domains);
        return words;
      },
    },
  });
  return { ...result, asked };
}

test('one message to a native and a legacy recipient: each gets it in their way, the sender sees both', async (t) => {
  const { town, sink } = await townWithMail(t);
  const [ann, bob] = [await town.enroll('ann@alpha.test'), await town.enroll('bob@beta.test')];
  publish(town);
  const words = { 'gamma.test': 'now' } as const;
  const sent = await send(ann, [bob.address, 'Carol+x@gamma.test'], 'hello', { words });
  t.like(sent.recipients, [
    { outcome: 'native', way: 'introduction' },
    { outcome: 'legacy', way: 'mail' },
  ]);
  t.is(sent.recipients[1]?.code, undefined);
  await bob.arrivals();
  t.is(await bob.read(1), 'hello');
  await eventually('mail', async () => sink.mails[0]);
  t.is(sink.mails.length, 1);
  t.deepEqual(sink.mails[0]?.to, ['Carol+x@gamma.test']);
  t.regex(sink.mails[0]?.bytes.toString() ?? '', /\r\nDKIM-Signature:|^DKIM-Signature:/);
  const state = async () =>
    (await ann.client().sent())[0]?.recipients.map(({ to, way, state: of }) => [to, way, of]);
  t.deepEqual(
    await eventually('the state', async () => {
      const now = await state();
      return now?.[1]?.[2] === 'delivered' ? now : undefined;
    }),
    [
      ['bob@beta.test', 'introduction', 'accepted'],
      ['Carol+x@gamma.test', 'mail', 'delivered'],
    ],
  );
  const again = await ann.client().retract(sent.number ?? 0);
  t.deepEqual(again.recipients[1], { to: 'Carol+x@gamma.test', outcome: 'already_accepted', asked: false });
});

test('a word for good is asked once, on all devices; a refusal ends it, and no word sends nothing', async (t) => {
  const { town, sink } = await townWithMail(t);
  const ann = await town.enroll('ann@alpha.test');
  publish(town);
  const none = await send(ann, ['carol@gamma.test'], 'one');
  t.like(none, { number: undefined, asked: ['gamma.test'] });
  t.like(none.recipients, [{ code: 'discovery_legacy', reason: 'mail_asked' }]);
  const allowed = await send(ann, ['carol@gamma.test', 'dave@gamma.test'], 'two', {
    words: { 'gamma.test': 'allow' },
  });
  t.like(allowed, { asked: ['gamma.test'], recipients: [{ way: 'mail' }, { way: 'mail' }] });
  const restarted = await town.person(ann.address, ann);
  t.like(await send(restarted, ['carol@gamma.test'], 'three'), { asked: [], recipients: [{ way: 'mail' }] });
  await restarted.client().trust.mail('gamma.test', 'refuse');
  const refused = await send(restarted, ['carol@gamma.test'], 'four', { words: { 'gamma.test': 'now' } });
  t.like(refused, { asked: [], number: undefined });
  t.like(refused.recipients, [{ code: 'discovery_legacy', reason: 'mail_refused' }]);
  await eventually('two mails', async () => (sink.mails.length === 2 ? true : undefined));
  t.deepEqual(
    sink.mails.map(({ to }) => to.length).toSorted((a, b) => a - b),
    [1, 2],
  );
});

test('what is refused comes back to the sender as a report from the domain’s own bridge', async (t) => {
  const { town } = await townWithMail(t, { refuse: () => 550 });
  const ann = await town.enroll('ann@alpha.test');
  publish(town);
  const { recipients } = await send(ann, ['nobody@gamma.test'], 'hello', { words: { 'gamma.test': 'now' } });
  const [report] = await ann.arrivals();
  t.is(report?.from, 'mail-bridge@alpha.test');
  const parsed = await PostalMime.parse(await ann.read(report?.number ?? 0));
  t.regex(parsed.text ?? '', /nobody@gamma\.test/);
  t.is(parsed.subject, 'Your mail was not delivered');
  const [entry] = await ann.client().sent();
  t.like(entry?.recipients[0], { state: 'failed', code: '5.0.0', way: 'mail' });
  t.is(entry?.recipients[0]?.messages[0]?.handle, recipients[0]?.handles?.[0]);
});

test('what waits can be taken back, and is tried again where it is not, though its key was revoked meanwhile', async (t) => {
  let isBusy = true;
  const { town, sink } = await townWithMail(t, { refuse: () => (isBusy ? 450 : undefined) });
  const ann = await town.enroll('ann@alpha.test');
  publish(town);
  const words = { 'gamma.test': 'now' } as const;
  const first = await send(ann, ['carol@gamma.test'], 'first', { words });
  await send(ann, ['carol@gamma.test'], 'second', { words });
  await town.hoster('alpha').catchUp();
  t.like((await ann.client().sent())[0]?.recipients[0], { state: 'queued', code: '4.0.0' });
  t.like(await ann.client().retract(first.number ?? 0), { recipients: [{ outcome: 'withdrawn' }] });
  const { admin } = town.hoster('alpha');
  const { keys } = await admin.domainKeys('alpha.test');
  const key = keys.find(({ use, status }) => use === 'bridge' && status === 'active');
  await admin.revokeKey('alpha.test', key?.id ?? '');
  await town.hoster('alpha').restart();
  isBusy = false;
  town.clock.advance(hour);
  await town.hoster('alpha').catchUp();
  t.is(sink.mails.length, 1);
  t.regex(sink.mails[0]?.bytes.toString() ?? '', /Subject: second/);
});

test('whoever became native meanwhile gets no clear text', async (t) => {
  const { town, sink } = await townWithMail(t, { refuse: () => 450 });
  const ann = await town.enroll('ann@alpha.test');
  const records = town.hosters().flatMap((hoster) => hoster.records());
  const bob = await town.enroll('bob@beta.test');
  // Beta's records are not published yet.
  const mx: DnsRecord = { type: 'MX', name: 'beta.test', priority: 10, exchange: 'mx.gamma.test' };
  town.dns.set([...records.filter(({ name }) => !name.endsWith('beta.test')), ...legacy, mx]);
  await send(ann, [bob.address], 'hello', { words: { 'beta.test': 'now' } });
  await town.hoster('alpha').catchUp();
  publish(town);
  town.clock.advance(hour);
  await town.hoster('alpha').catchUp();
  t.is(sink.mails.length, 0);
  t.like((await ann.client().sent())[0]?.recipients[0], { state: 'failed', code: '5.7.1' });
});

test('the hoster sees how much waits and why, and can have it tried again or dropped, without anybody’s address', async (t) => {
  let isClosed = true;
  const { town, sink } = await townWithMail(t, { refuse: () => (isClosed ? 550 : undefined) });
  const ann = await town.enroll('ann@alpha.test');
  publish(town);
  const words = { 'gamma.test': 'now' } as const;
  const { recipients } = await send(ann, ['carol@gamma.test', 'dave@gamma.test'], 'hello', { words });
  await ann.arrivals();
  const { admin } = town.hoster('alpha');
  const handle = recipients[0]?.handles?.[0] ?? '';
  const [dead, ...others] = await admin.queue();
  t.deepEqual(others, []);
  t.like(dead, { handle, domain: 'alpha.test', queued: 0, failed: 2, attempts: 1, codes: ['5.0.0'] });
  t.false(JSON.stringify(dead).includes('gamma'));
  isClosed = false;
  t.like(await admin.retryMail(handle), { queued: 2, failed: 0 });
  t.is((await admin.status()).mailQueue, 1);
  await eventually('the mail', async () => sink.mails[0]);
  await eventually('an empty queue', async () => ((await admin.queue()).length === 0 ? true : undefined));
  t.is((await admin.status()).mailQueue, 0);
  await t.throwsAsync(admin.retryMail(handle), { code: 'conflict' });
  await t.throwsAsync(admin.dropMail('a'.repeat(16)), { code: 'not_found' });
  await t.throwsAsync(admin.dropMail('x'), { code: 'request_invalid' });
});

test('the next DKIM key signs once DNS shows it for a while, and the one before stays in DNS', async (t) => {
  const { town, sink } = await townWithMail(t);
  const ann = await town.enroll('ann@alpha.test');
  const { admin, catchUp } = town.hoster('alpha');
  const shown = async (): Promise<readonly DnsRecord[]> =>
    (await admin.domainDkim('alpha.test')).keys.map(({ dns }) => ({
      type: 'TXT',
      name: dns.name,
      text: dns.value.replaceAll('"', ''),
    }));
  const states = async () =>
    (await admin.domainDkim('alpha.test')).keys.map(({ selector, state }) => `${selector} ${state}`);
  publish(town);
  t.deepEqual(await states(), ['beckon1 signs']);
  await admin.rotateDkim('alpha.test');
  t.deepEqual((await admin.rotateDkim('alpha.test')).keys.length, 2, 'the same once more');
  const [, next] = await shown();
  t.is(next?.name, 'beckon2._domainkey.alpha.test');
  const look = async () => {
    town.clock.advance(hour);
    await catchUp();
    return await states();
  };
  t.deepEqual(await look(), ['beckon1 signs', 'beckon2 next'], 'not in DNS');
  town.dns.set([...town.hosters().flatMap((hoster) => hoster.records()), ...legacy, ...(await shown())]);
  t.deepEqual(await look(), ['beckon1 signs', 'beckon2 next'], 'seen once');
  t.deepEqual(await look(), ['beckon1 before', 'beckon2 signs']);
  t.true((await admin.domainDns('alpha.test')).some(({ name }) => name === 'beckon1._domainkey.alpha.test'));
  await send(ann, ['carol@gamma.test'], 'signed', { words: { 'gamma.test': 'now' } });
  const mail = await eventually('mail', async () => sink.mails[0]);
  t.regex(mail.bytes.toString(), /DKIM-Signature:[^]*?\bs=beckon2;/);
  town.clock.advance(9 * 86_400);
  await catchUp();
  t.deepEqual(await states(), ['beckon2 signs']);
});

test('a domain without a way out says so before anything is sent', async (t) => {
  await using town = await startTown();
  const ann = await town.enroll('ann@alpha.test');
  publish(town);
  const sent = await send(ann, ['carol@gamma.test'], 'hello', { words: { 'gamma.test': 'now' } });
  t.like(sent, { asked: [], number: undefined });
  t.like(sent.recipients, [{ code: 'discovery_legacy', reason: 'no_bridge' }]);
});

/** A client of a process that dies at its nth step: when a file is to be written, or was. */
async function mortal(town: Town, person: Person, sending: MemoryFile, steps = Infinity): Promise<Client> {
  let left = steps;
  const step = (): void => {
    if (--left <= 0) throw new BeckonError('storage_failed', 'the power is off');
  };
  const file = (memory: MemoryFile): TextFile => ({
    read: () => memory.read(),
    async write(text) {
      step();
      await memory.write(text);
      step();
    },
  });
  return await createClient({
    state: file(person.state),
    secrets: file(person.secrets),
    sending: file(sending),
    connect: (cache) => connect(cache, town.clock, town.surroundings),
    clock: town.clock,
    random: systemRandom,
    wait: async () => {},
  });
}

/** Sends to bob natively where `natively`, and to carol by mail, in a process that dies. */
async function cutOff(town: Town, ann: Person, steps: number, subject: string, natively: boolean) {
  const sending = memoryFile();
  const client = await mortal(town, ann, sending, steps);
  const to = [...(natively ? ['bob@beta.test'] : []), 'carol@gamma.test'];
  const mail = {
    compose: async () => wholeOf(ann, to, subject),
    ask: async () => ({ 'gamma.test': 'now' }) as const,
    source: async () => subject,
  };
  const died = await client.send({ to, parts: [mailPart(subject)], subject, mail }).then(
    ({ recipients }) => recipients.some(({ code }) => code === 'storage_failed'),
    () => true,
  );
  await client.close();
  return { sending, died };
}

test('a sending by mail goes on from every step at which its process can die, and leaves once', async (t) => {
  const { town, sink } = await townWithMail(t);
  const [ann, bob] = [await town.enroll('ann@alpha.test'), await town.enroll('bob@beta.test')];
  publish(town);
  const wanted: string[] = [];
  for (const natively of [true, false]) {
    let died = true;
    let last = '';
    // Before a write: what the write before let leave has left.
    for (let steps = 1; died; steps += 2) {
      const subject = `${natively ? 'both' : 'mail'} ${steps}`;
      const cut = await cutOff(town, ann, steps, subject, natively);
      died = cut.died;
      const client = await mortal(town, ann, cut.sending);
      const [left, ...others] = await client.sending.unfinished();
      t.deepEqual(others, []);
      if (left !== undefined) {
        last = subject;
        t.deepEqual(left.mail, { source: subject });
        const result = await client.sending.resume(left.number, async ({ mediaType, source }) =>
          source === subject ? wholeOf(ann, left.to, subject) : mailPart(mediaType),
        );
        t.is(result.recipients.filter(({ way }) => way === 'mail').length, 1, subject);
        t.deepEqual(await client.sending.unfinished(), []);
      }
      // Before it was noted nothing left.
      const [entry] = (await client.sent()).filter((one) => one.subject === subject);
      if (left !== undefined || !died) t.is(entry?.recipients.length, natively ? 2 : 1, subject);
      if (entry !== undefined) wanted.push(subject);
      await client.close();
    }
    t.not(last, '');
  }
  await eventually('all mail', async () => (sink.mails.length < wanted.length ? undefined : true));
  await town.hoster('alpha').catchUp();
  const subjects = sink.mails.map(
    ({ bytes }) => /\r\nSubject: (\w+ \d+)\r/.exec(bytes.toString())?.[1] ?? '',
  );
  t.deepEqual(subjects.toSorted(), wanted.toSorted());
  await bob.arrivals(wanted.filter((subject) => subject.startsWith('both')).length);
});

/** How much waits to leave. */
async function inQueue(town: Town): Promise<number> {
  const mails = await town.hoster('alpha').admin.queue();
  return mails.reduce((sum, { queued }) => sum + queued, 0);
}

test('what is dropped of a sending is taken back: what went out natively, and what is queued as mail', async (t) => {
  const { town, sink } = await townWithMail(t, { refuse: () => 450 });
  const [ann, bob] = [await town.enroll('ann@alpha.test'), await town.enroll('bob@beta.test')];
  publish(town);
  let queued = 0;
  for (let steps = 1; queued === 0; steps += 2) {
    const { sending } = await cutOff(town, ann, steps, `cut ${steps}`, true);
    const client = await mortal(town, ann, sending);
    const [left] = await client.sending.unfinished();
    // The domain has the mail, and nobody here knows.
    queued = left === undefined ? 0 : await inQueue(town);
    if (left !== undefined) await client.sending.discard(left.number);
    t.deepEqual(await client.sending.unfinished(), []);
    await client.close();
  }
  t.is(await inQueue(town), 0);
  t.is(sink.mails.length, 0);
  await eventually('that all of it is withdrawn', async () => {
    await town.hoster('alpha').catchUp();
    const { entries } = await bob.client().sync();
    const left = bob.client().inbox();
    return entries.length === 0 && left.every(({ status }) => status === 'withdrawn') ? true : undefined;
  });
});
