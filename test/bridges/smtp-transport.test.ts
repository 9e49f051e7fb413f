/** The ways of `[smtp_out]`, whole: from a mail to a server that has it. */
import test, { type ExecutionContext } from 'ava';
import { createSmtpTransport, type SmtpTransportParts } from '../../src/bridges/smtp-transport.ts';
import { surveyMail } from '../../src/bridges/mail-survey.ts';
import { createDkimKey } from '../../src/keys/dkim-key.ts';
import { memoryCache } from '../support/directory-cache.ts';
import { loopback, startDns } from '../support/dns-server.ts';
import { startSmtpSink } from '../support/smtp-sink.ts';
import { difficultMails, largeMail } from './corpus.ts';

const dkim = await createDkimKey();
const job = {
  from: 'alice@alpha.test',
  to: ['carol@legacy.test'],
  async *open() {
    yield Buffer.from('From: alice@alpha.test\r\n\r\nhello\r\n');
  },
};

async function start(t: ExecutionContext): Promise<Omit<SmtpTransportParts, 'route'>> {
  const dns = await startDns([
    { type: 'MX', name: 'legacy.test', priority: 10, exchange: 'mx.legacy.test' },
    ...loopback('mx.legacy.test'),
  ]);
  t.teardown(dns.close);
  return {
    hello: 'post.alpha.test',
    resolver: dns.resolver,
    cache: memoryCache(),
    dkimOf: () => dkim,
    clock: { seconds: () => 1_790_000_000, monotonic: () => 0 },
    random: () => 0.5,
  };
}

test('by the MTA of this machine: in the clear, signed', async (t) => {
  const parts = await start(t);
  const sink = await startSmtpSink();
  t.teardown(sink.close);
  const route = {
    kind: 'server',
    host: 'localhost',
    port: sink.port,
    implicitTls: false,
    user: null,
  } as const;
  t.like((await createSmtpTransport({ ...parts, route })(job))[0], { kind: 'sent', host: 'localhost' });
  t.regex(sink.mails[0]?.bytes.toString() ?? '', /^DKIM-Signature: .* d=alpha\.test;/s);
});

test('to the servers of the domain, where private addresses are allowed', async (t) => {
  const parts = await start(t);
  const sink = await startSmtpSink();
  t.teardown(sink.close);
  const direct = { ...parts, route: { kind: 'direct' }, ports: { smtp: sink.port, policy: 1 } } as const;
  t.like((await createSmtpTransport(direct)(job))[0], { kind: 'later', status: '4.4.1' });
  const allowed = createSmtpTransport({ ...direct, allow: ['127.0.0.0/8'] });
  t.like((await allowed(job))[0], { kind: 'sent', host: 'mx.legacy.test' });
});

test('a user without a password is a fault of the configuration', async (t) => {
  const parts = await start(t);
  const route = { kind: 'server', host: 'smtp.test', port: 465, implicitTls: true, user: 'us' } as const;
  for (const password of [undefined, '', '\nsecond line'])
    t.throws(() => createSmtpTransport({ ...parts, route, password }), { code: 'config_invalid' });
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function headerOf(bytes: Buffer): string {
  return bytes.toString('latin1').split('\r\n\r\n', 1)[0] ?? '';
}

for (const { name, bytes } of [...difficultMails, { name: 'of 50 MB', bytes: largeMail() }])
  test(`a difficult mail leaves as it is: ${name}`, async (t) => {
    const parts = await start(t);
    const sink = await startSmtpSink();
    t.teardown(sink.close);
    const route = {
      kind: 'server',
      host: 'localhost',
      port: sink.port,
      implicitTls: false,
      user: null,
    } as const;
    const outcomes = await createSmtpTransport({ ...parts, route })({ ...job, open: () => once(bytes) });
    t.like(outcomes[0], { kind: 'sent' });
    const came = sink.mails[0]?.bytes ?? Buffer.alloc(0);
    // Below the signature; what SMTP does not carry is encoded, but for a header.
    const { longLines } = await surveyMail(once(bytes.subarray(Math.max(bytes.indexOf('\r\n\r\n'), 0))));
    if (longLines) t.false((await surveyMail(once(came.subarray(came.indexOf('\r\n\r\n'))))).longLines);
    else t.true(came.subarray(came.length - bytes.length).equals(bytes));
    t.is(came.subarray(0, 16).toString() === 'DKIM-Signature: ', /^From:/im.test(headerOf(bytes)));
  });
