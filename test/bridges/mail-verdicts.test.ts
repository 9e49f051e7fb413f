import test, { type ExecutionContext } from 'ava';
import { generateKeyPairSync } from 'node:crypto';
import { dkimSign, sealMessage } from 'mailauth';
import { readHeader } from '../../src/bridges/mail-header.ts';
import { judgeMail, type MailPolicy } from '../../src/bridges/mail-policy.ts';
import { createCheckMail, type Checked } from '../../src/bridges/mail-verdicts.ts';
import { systemClock } from '../../src/clock.ts';
import type { DnsRecord } from '../../src/dns/record.ts';
import { startDns, type TestDns } from '../support/dns-server.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const rawKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
const zone: readonly DnsRecord[] = [
  { type: 'TXT', name: 'legacy.test', text: 'v=spf1 ip4:192.0.2.7 -all' },
  { type: 'TXT', name: 's1._domainkey.legacy.test', text: `v=DKIM1; k=ed25519; p=${rawKey}` },
  { type: 'TXT', name: '_dmarc.legacy.test', text: 'v=DMARC1; p=reject' },
  { type: 'TXT', name: '_dmarc.quiet.test', text: 'v=DMARC1; p=none' },
  { type: 'TXT', name: '_dmarc.careful.test', text: 'v=DMARC1; p=quarantine' },
  { type: 'TXT', name: 'plain.test', text: 'v=spf1 mx ptr:plain.test -all' },
  { type: 'MX', name: 'plain.test', priority: 5, exchange: 'mail.plain.test' },
  { type: 'A', name: 'mail.plain.test', address: '192.0.2.9' },
];
const mail = 'From: Bob <bob@legacy.test>\r\nSubject: hello\r\n\r\nText\r\n';

async function signed(text: string): Promise<string> {
  const signer = {
    signingDomain: 'legacy.test',
    selector: 's1',
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    algorithm: 'ed25519-sha256',
    canonicalization: 'relaxed/relaxed',
  };
  const { signatures } = await dkimSign(Buffer.from(text, 'latin1'), { ...signer, signatureData: [signer] });
  return signatures + text;
}

interface Sent {
  readonly text?: string;
  readonly address?: string | undefined;
  readonly reversePath?: string;
}

async function start(
  t: ExecutionContext,
): Promise<{ dns: TestDns; check: (sent: Sent) => Promise<Checked> }> {
  const dns = await startDns(zone);
  t.teardown(dns.close);
  const checkMail = createCheckMail({ resolver: dns.resolver, host: 'mx.here.test', clock: systemClock });
  return {
    dns,
    check({ text = mail, reversePath = 'bob@legacy.test', ...rest }) {
      const bytes = Buffer.from(text, 'latin1');
      const address = 'address' in rest ? rest.address : '192.0.2.7';
      const known = address === undefined ? {} : { address };
      return checkMail({ bytes, header: readHeader(bytes), reversePath, helo: 'mail.legacy.test', ...known });
    },
  };
}

function outcomes(checked: Checked): Record<MailPolicy, string> {
  const of = (policy: MailPolicy) => {
    const judged = judgeMail(checked, policy, false);
    return 'doubt' in judged ? `${judged.outcome} ${judged.doubt}` : judged.outcome;
  };
  return { accept: of('accept'), mark: of('mark'), refuse: of('refuse') };
}

test('a signature that holds, and a client that may send, pass', async (t) => {
  const { check } = await start(t);
  const checked = await check({ text: await signed(mail) });
  t.deepEqual(checked.verdicts, {
    spf: { result: 'pass', domain: 'legacy.test' },
    dkim: { result: 'pass', domain: 'legacy.test' },
    dmarc: { result: 'pass', domain: 'legacy.test' },
  });
  t.deepEqual(outcomes(checked), { accept: 'take', mark: 'take', refuse: 'take' });
});

test('a forged sender fails, and is refused where its domain asks for that', async (t) => {
  const { check } = await start(t);
  const forged = await check({ address: '198.51.100.1', reversePath: 'eve@evil.test' });
  t.deepEqual(forged.verdicts.dmarc, { result: 'fail', domain: 'legacy.test' });
  t.deepEqual(outcomes(forged), { accept: 'take', mark: 'take dmarc', refuse: 'refuse dmarc' });
  for (const [domain, mark] of [
    ['quiet.test', 'take'],
    ['careful.test', 'take dmarc'],
  ] as const) {
    const text = mail.replace('legacy.test', domain);
    const checked = await check({ text, address: '198.51.100.1', reversePath: 'eve@evil.test' });
    t.deepEqual(outcomes(checked), { accept: 'take', mark, refuse: mark }, domain);
  }
});

test('a changed body is a failed signature', async (t) => {
  const { check } = await start(t);
  const text = (await signed(mail)).replace('Text', 'Test');
  const { verdicts } = await check({ text, address: '198.51.100.1' });
  t.deepEqual(verdicts.dkim, { result: 'fail', domain: 'legacy.test' });
  t.is(verdicts.dmarc?.result, 'fail');
});

test('however the name of a signature is written, its body counts', async (t) => {
  const { check } = await start(t);
  const whole = await signed(mail);
  for (const name of ['dkim-signature:', 'DKIM-SIGNATURE :', 'dKiM-Signature\t:']) {
    const text = whole.replace(/^DKIM-Signature:/, name);
    t.is((await check({ text })).verdicts.dkim?.result, 'pass', name);
    t.is((await check({ text: text.replace('Text', 'Another') })).verdicts.dkim?.result, 'fail', name);
  }
  const shown = await check({ text: mail + whole });
  t.is(shown.verdicts.dkim?.result, 'none');
});

test('without DMARC, a client that the domain excludes is doubted', async (t) => {
  const { check } = await start(t);
  const text = mail.replace('legacy.test', 'plain.test');
  const reversePath = 'bob@plain.test';
  const passed = await check({ text, reversePath, address: '192.0.2.9' });
  t.deepEqual(passed.verdicts.spf, { result: 'pass', domain: 'plain.test' });
  t.deepEqual(outcomes(passed), { accept: 'take', mark: 'take', refuse: 'take' });
  const failed = await check({ text, reversePath, address: '192.0.2.10' });
  t.is(failed.verdicts.dmarc?.result, 'none');
  t.deepEqual(outcomes(failed), { accept: 'take', mark: 'take spf', refuse: 'refuse spf' });
});

test('who names several authors, or none, is doubted', async (t) => {
  const { check } = await start(t);
  for (const text of [`From: a@b.test\r\n${mail}`, mail.replace(/^From.*\r\n/, ''), 'no header']) {
    const checked = await check({ text });
    t.is(checked.verdicts.dmarc?.result, 'permerror');
    t.deepEqual(outcomes(checked), { accept: 'take', mark: 'take from', refuse: 'refuse from' });
  }
});

for (const fault of ['servfail', 'silent'] as const)
  for (const name of ['s1._domainkey.legacy.test', '_dmarc.legacy.test', 'legacy.test'])
    test(`${fault} for ${name} is no proof: marked, or asked to come again`, async (t) => {
      const { dns, check } = await start(t);
      dns.fail(name, fault);
      const checked = await check({ text: await signed(mail), address: '198.51.100.1' });
      const needed = name !== 'legacy.test';
      t.is(checked.verdicts.dmarc?.result === 'pass', !needed);
      t.deepEqual(
        outcomes(checked),
        needed
          ? { accept: 'take', mark: 'take temporary', refuse: 'later' }
          : { accept: 'take', mark: 'take', refuse: 'take' },
      );
    });

test('where the address of the client is not known, only signatures count', async (t) => {
  const { check } = await start(t);
  t.deepEqual((await check({ address: undefined })).verdicts, { dkim: { result: 'none' } });
  const { verdicts } = await check({ text: await signed(mail), address: undefined });
  t.deepEqual(verdicts, {
    dkim: { result: 'pass', domain: 'legacy.test' },
    dmarc: { result: 'pass', domain: 'legacy.test' },
  });
});

test('what an MTA took is never refused, but marked', async (t) => {
  const { check } = await start(t);
  const forged = await check({ address: '198.51.100.1', reversePath: 'eve@evil.test' });
  t.deepEqual(judgeMail(forged, 'refuse', true), { outcome: 'take', doubt: 'dmarc' });
});

test('a chain of ARC seals is a finding of its own', async (t) => {
  const { check } = await start(t);
  const sealed = await sealMessage(Buffer.from(mail), {
    signingDomain: 'legacy.test',
    selector: 's1',
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    algorithm: 'ed25519-sha256',
    authResults: 'legacy.test; none',
    cv: 'none',
  });
  const { verdicts } = await check({ text: sealed.toString() + mail });
  t.deepEqual(verdicts.arc, { result: 'pass', domain: 'legacy.test' });
});

test('no mail makes us look up, or verify, without end', async (t) => {
  const { dns, check } = await start(t);
  const signature = (await signed(mail)).slice(0, -mail.length);
  const many = await check({ text: signature.repeat(13) + mail });
  t.deepEqual(many.verdicts, { dkim: { result: 'permerror' } });
  t.deepEqual(outcomes(many), { accept: 'take', mark: 'take dkim', refuse: 'refuse dkim' });
  t.deepEqual(dns.questions, []);
  dns.set([
    ...zone,
    ...Array.from({ length: 40 }, (_, n) => ({
      type: 'TXT' as const,
      name: `spf${n}.deep.test`,
      text: `v=spf1 include:spf${n + 1}.deep.test -all`,
    })),
  ]);
  const text = Array.from({ length: 12 }, (_, n) => signature.replace('s=s1', `s=none${n}`)).join('') + mail;
  await check({ text, reversePath: 'x@spf0.deep.test' });
  t.true(dns.questions.length <= 60, `${dns.questions.length}`);
});
