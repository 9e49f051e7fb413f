/** Difficult mail survives its way in byte for byte: over SMTP, sealed, and opened by its recipient. */
import test from 'ava';
import { openMailDoors } from '../../src/bridges/mail-doors.ts';
import { bind } from '../../src/http/bind.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { difficultMails, largeMail } from './corpus.ts';
import { bridgedHome } from './home.ts';
import { openLine } from './smtp-line.ts';

test('difficult mail comes in byte for byte, 50 MB too', async (t) => {
  t.timeout(600_000);
  const home = await bridgedHome(t);
  const anna = await home.addUser('anna@alpha.test');
  const absent = async () => ({ kind: 'absent', reason: 'nxdomain', dnssec: false }) as const;
  const doors = await openMailDoors({
    smtp: (server) => bind(server, { kind: 'tcp', host: '127.0.0.1', port: 0 }),
    lmtp: undefined,
    host: 'mx.alpha.test',
    maxSize: 60_000_000,
    certificate: undefined,
    recipients: home.recipients,
    standing: async () => 'bridge',
    policyOf: async () => 'mark',
    bridges: () => ['alpha.test'],
    deliver: home.deliver,
    quota: home.quota,
    resolver: { txt: absent, mx: absent, ipv4: absent, ipv6: absent, ptr: absent },
    clock: home.clock,
    log: silentLog,
    metrics: createMetrics(),
  });
  t.teardown(() => doors.close());
  const line = await openLine(doors.ports.smtp ?? 0);
  t.teardown(() => line.close());
  await line.answer();
  await line.say('EHLO mail.legacy.test');
  const mails = [...difficultMails, { name: 'an attachment of 50 MB', bytes: largeMail() }];
  for (const [n, { name, bytes }] of mails.entries()) {
    for (const words of [`MAIL FROM:<n${n}@legacy.test> BODY=8BITMIME`, 'RCPT TO:<anna@alpha.test>', 'DATA'])
      await line.say(words);
    line.write(bytes.toString('latin1').replace(/^\./gm, '..'));
    t.regex(await line.say('.'), /^250/, name);
  }
  const received = await home.received(anna);
  t.is(received.length, mails.length);
  for (const [n, { name, bytes }] of mails.entries()) {
    const found = received.find(({ mail }) => mail?.reversePath === `n${n}@legacy.test`);
    const above = (found?.bytes.length ?? 0) - bytes.length;
    t.true(
      Buffer.from(found?.bytes ?? [])
        .subarray(above)
        .equals(bytes),
      name,
    );
    const trace = Buffer.from(found?.bytes ?? [])
      .subarray(0, above)
      .toString('latin1');
    // An empty line stands between where the mail has no header of its own.
    t.regex(
      trace,
      /^Return-Path: <n\d+@legacy\.test>\r\nReceived: (?:[^\r\n]*\r\n)+?Authentication-Results: (?:[^\r\n]+\r\n)+(?:\r\n)?$/,
      name,
    );
  }
});
