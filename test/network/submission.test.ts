/** Old mail programs hand in mail over real sockets; what becomes of it natively. wire-spec/bridges.md section 5. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connect } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import nodemailer, { type SendMailOptions } from 'nodemailer';
import { textIn, memorySink } from '../client/sink.ts';
import type { Person } from './person.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { loopback } from '../support/dns-server.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import { eventually } from './eventually.ts';
import { startTown, type Town } from './town.ts';

const settings = { 'submission.listen': '127.0.0.1:0', 'submission.starttls': '127.0.0.1:0' };
const password = 'correct horse battery';

async function town(t: ExecutionContext, more: Readonly<Record<string, string>> = {}): Promise<Town> {
  const started = await startTown({ settings: { ...settings, ...more } });
  t.teardown(() => started[Symbol.asyncDispose]());
  return started;
}

interface Program {
  readonly user: string;
  readonly pass?: string;
  readonly over?: 'tls' | 'starttls';
}

/** A mail program of somebody. */
async function program(town: Town, of: Person, { user, pass = password, over = 'tls' }: Program) {
  const { submission } = await of.client().mailbox.status();
  const port = submission?.[over];
  if (port === undefined) throw new Error('nothing listens');
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    secure: over === 'tls',
    requireTLS: over === 'starttls',
    auth: { user, pass },
    tls: { ca: await readFile(town.surroundings.caFile, 'utf8'), servername: submission?.host ?? '' },
  });
  return {
    send: (mail: SendMailOptions) => transport.sendMail(mail),
    /** The code of the refusal. */
    refused: async (mail: SendMailOptions) =>
      await transport.sendMail(mail).then(
        () => 0,
        (error: unknown) => (error as { responseCode?: number }).responseCode ?? String(error),
      ),
  };
}

async function raw(person: Person, number: number): Promise<string> {
  const sink = memorySink();
  await person.client().payload(number, sink);
  return textIn(sink);
}

test('a mail program sends natively, over TLS and STARTTLS: the bytes that it composed, without Bcc', async (t) => {
  const here = await town(t);
  const [alice, bob, carol] = await Promise.all(
    ['alice@alpha.test', 'bob@beta.test', 'carol@beta.test'].map((address) => here.enroll(address)),
  );
  if (!alice || !bob || !carol) throw new Error('nobody');
  const status = await alice.client().mailbox.password(password);
  t.is(status.address, alice.address);
  const eml = [
    'From: Alice <alice@alpha.test>',
    'To: bob@beta.test',
    'Bcc: carol@beta.test,',
    ' somebody@else.example',
    'Subject: =?utf-8?q?caf=C3=A9?=',
    'Message-ID: <1@alpha.test>',
    '',
    '.dots and',
    'lines ',
    '',
  ].join('\r\n');
  const { send } = await program(here, alice, { user: alice.address });
  await send({ raw: eml, envelope: { from: alice.address, to: [bob.address, carol.address] } });
  const expected = eml.replace(/Bcc: .*\r\n .*\r\n/, '');
  for (const person of [bob, carol]) {
    const [entry] = await person.arrivals();
    t.is(entry?.from, alice.address);
    t.is(await raw(person, entry?.number ?? 0), expected);
  }
  const clear = await program(here, alice, { user: 'Alice@Alpha.test', over: 'starttls' });
  await clear.send({ from: alice.address, to: bob.address, subject: 'again', text: 'x' });
  t.is((await bob.arrivals()).length, 1);
  // On her own device she sees what she sent, each hidden one apart.
  await alice.client().sync();
  const sent = await alice.client().sent();
  const listed = sent.map(({ subject, recipients }) =>
    [subject, ...recipients.map(({ to }) => to)].join(' '),
  );
  for (const line of [`again ${bob.address}`, `café ${bob.address}`, `café ${carol.address}`])
    t.is(listed.filter((one) => one === line).length, 1, line);
  t.false(JSON.stringify(here.logged).includes(password));
});

test('what a program hands in twice, because it did not hear the answer, arrives once', async (t) => {
  const here = await town(t);
  const [alice, bob] = [await here.enroll('alice@alpha.test'), await here.enroll('bob@beta.test')];
  await alice.client().mailbox.password(password);
  const { send } = await program(here, alice, { user: alice.address });
  const mail = { raw: 'From: alice@alpha.test\r\nTo: bob@beta.test\r\n\r\nhi\r\n' };
  const envelope = { from: alice.address, to: [bob.address] };
  await send({ ...mail, envelope });
  await send({ ...mail, envelope });
  t.is((await bob.arrivals()).length, 1);
  t.is((await bob.client().sync()).entries.length, 0);
  t.is(bob.client().inbox().length, 1);
});

test('nobody sends as somebody else, and nobody relays', async (t) => {
  const here = await town(t);
  const [alice, bob] = [await here.enroll('alice@alpha.test'), await here.enroll('bob@beta.test')];
  await alice.client().mailbox.password(password);
  const { refused } = await program(here, alice, { user: alice.address });
  const to = bob.address;
  const text = 'x';
  t.is(await refused({ from: 'eve@alpha.test', to, text }), 550, 'envelope and From');
  const envelope = { from: alice.address, to: [to] };
  t.is(await refused({ from: 'eve@alpha.test', to, text, envelope }), 550, 'From');
  const two = 'From: alice@alpha.test\r\nFrom: eve@alpha.test\r\n\r\nx\r\n';
  t.is(await refused({ raw: two, envelope }), 550, 'two of them');
  t.is(await refused({ raw: 'Subject: x\r\n\r\nx\r\n', envelope }), 550, 'none');
  t.is(await refused({ raw: two, envelope: { from: '', to: [to] } }), 550, 'the empty path');
  t.is(await refused({ from: alice.address, to: 'nobody@beta.test', text }), 550, 'no such user');
  t.is(await refused({ from: alice.address, to: 'x@nowhere.test', text }), 550, 'no such domain');
  t.is((await bob.client().sync()).entries.length, 0);
});

test('a wrong password, a name that nobody has and one that has none are refused alike; a password that was taken back too', async (t) => {
  const here = await town(t);
  const [alice, bob] = [await here.enroll('alice@alpha.test'), await here.enroll('bob@beta.test')];
  await alice.client().mailbox.password(password);
  await here.enroll('dave@alpha.test');
  const mail = { from: alice.address, to: bob.address, text: 'x' };
  const said: unknown[] = [];
  for (const [user, pass] of [
    [alice.address, `${password}!`],
    ['nobody@alpha.test', password],
    ['dave@alpha.test', password],
    ['no address', password],
  ] as const) {
    const { send } = await program(here, alice, { user, pass });
    const error = await t.throwsAsync<Error & { response?: string }>(send(mail));
    said.push(error?.response);
  }
  t.is(new Set(said).size, 1);
  t.regex(String(said[0]), /^535 /);
  await alice.client().mailbox.password('another horse entirely');
  const old = await program(here, alice, { user: alice.address });
  t.is(await old.refused(mail), 535);
  const fresh = await program(here, alice, { user: alice.address, pass: 'another horse entirely' });
  t.is(await fresh.refused(mail), 0);
  await alice.client().mailbox.off('password');
  t.is((await alice.client().mailbox.status()).password, undefined);
  t.is(await fresh.refused(mail), 535);
});

test('after another recovery phrase the password opens nothing, and the program is told what to do', async (t) => {
  const here = await town(t);
  const [alice, bob] = [await here.enroll('alice@alpha.test'), await here.enroll('bob@beta.test')];
  await alice.client().mailbox.password(password);
  await alice.client().devices.phrase();
  const { send } = await program(here, alice, { user: alice.address });
  const error = await t.throwsAsync<Error & { response?: string }>(
    send({ from: alice.address, to: bob.address, text: 'x' }),
  );
  t.regex(error?.response ?? '', /^535 .*beckon mailbox password/);
});

test('a certificate that was renewed is shown to who connects from the reload on', async (t) => {
  const here = await town(t);
  const alice = await here.enroll('alice@alpha.test');
  const { admin, configFile } = here.hoster('alpha');
  const { submission } = await alice.client().mailbox.status();
  const servername = submission?.host ?? '';
  const shown = async (): Promise<string> => {
    const socket = connect({
      port: submission?.tls ?? 0,
      host: '127.0.0.1',
      servername,
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await shown();
  const folder = join(dirname(configFile), 'certificates', servername);
  const { cert, key } = await (await createTestAuthority()).issue([servername]);
  await writeFile(join(folder, 'privkey.pem'), key);
  await t.throwsAsync(admin.reload(), { code: 'tls_failed' });
  t.is(await shown(), before, 'half of it');
  await writeFile(join(folder, 'fullchain.pem'), cert);
  await admin.reload();
  t.is(await shown(), new X509Certificate(cert).fingerprint256);
});

test('who guesses is made to wait, and others are not', async (t) => {
  const here = await town(t);
  const [alice, bob] = [await here.enroll('alice@alpha.test'), await here.enroll('bob@beta.test')];
  await alice.client().mailbox.password(password);
  const mail = { from: alice.address, to: bob.address, text: 'x' };
  const { submission } = await alice.client().mailbox.status();
  t.truthy(submission);
  const wrong = await program(here, alice, { user: alice.address, pass: 'guess' });
  const codes = await Promise.all(Array.from({ length: 8 }, () => wrong.refused(mail)));
  t.is(codes.filter((code) => code === 535).length, 5);
  t.is(codes.filter((code) => code === 454).length, 3);
  const right = await program(here, alice, { user: alice.address });
  t.is(await right.refused(mail), 454, 'from that network, for a while');
  here.clock.advance(60);
  t.is(await right.refused(mail), 0);
});

test('who takes mail only gets it by SMTP, beside those who are native; a domain that the user refused does not', async (t) => {
  const sink = await startSmtpSink({ hideSTARTTLS: true });
  t.teardown(() => sink.close());
  const here = await town(t, { 'smtp_out.via': `smtp://127.0.0.1:${sink.port}` });
  const publish = (): void =>
    here.dns.set([
      ...here.hosters().flatMap((hoster) => hoster.records()),
      { type: 'MX', name: 'gamma.test', priority: 10, exchange: 'mx.gamma.test' },
      ...loopback('mx.gamma.test'),
    ]);
  const [alice, bob] = [await here.enroll('alice@alpha.test'), await here.enroll('bob@beta.test')];
  publish();
  await alice.client().mailbox.password(password);
  const { send, refused } = await program(here, alice, { user: alice.address });
  const mail = { from: alice.address, to: [bob.address, 'carol@gamma.test'], subject: 'both', text: 'x' };
  await send(mail);
  t.is((await bob.arrivals()).length, 1);
  await eventually('the mail', async () => {
    await here.hoster('alpha').catchUp();
    return sink.mails.length > 0 ? true : undefined;
  });
  await alice.client().trust.mail('gamma.test', 'refuse');
  await alice.client().sync();
  t.is(await refused({ ...mail, to: 'carol@gamma.test', subject: 'no' }), 550);
});
