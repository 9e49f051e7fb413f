/** What goes out: signed as it goes, and fit for who takes it. */
import test from 'ava';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { oversigned, oversignedIfThere } from '../../src/bridges/dkim.ts';
import { createDkimKey, dkimName } from '../../src/keys/dkim-key.ts';
import { createOutgoing } from '../../src/bridges/outgoing-mail.ts';
import type { MailJob, Transport } from '../../src/bridges/transport.ts';

const clock = { seconds: () => Math.floor(Date.now() / 1000), monotonic: () => 0 };
const key = await createDkimKey();

const jobOf = (text: string, from = 'alice@alpha.test'): MailJob => ({
  from,
  to: ['carol@legacy.test', 'dave@narrow.test'],
  async *open() {
    yield Buffer.from(text);
  },
});

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

/** Keeps what it is given; `narrow.test` takes no bytes above 127. */
function recording() {
  const carried: { readonly to: readonly string[]; readonly bytes: Buffer }[] = [];
  const carry: Transport = async ({ to, open }) => {
    const bytes = await whole(open());
    const wide = bytes.some((byte) => byte > 127);
    carried.push({ to, bytes });
    return to.map((address) =>
      wide && address.endsWith('@narrow.test')
        ? { kind: 'failed' as const, status: '5.6.3' }
        : { kind: 'sent' as const, status: '2.0.0' },
    );
  };
  const dkimOf = (domain: string) => (domain === 'alpha.test' ? key : undefined);
  return { carried, transport: createOutgoing({ carry, dkimOf, clock }) };
}

async function verified(mail: Buffer | undefined): Promise<unknown> {
  const resolver = async (name: string): Promise<string[][]> => {
    if (name === dkimName(key, 'alpha.test')) return [[key.txt]];
    throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
  };
  const { results } = await dkimVerify(mail ?? Buffer.alloc(0), { resolver });
  return results.map(({ signingDomain, status }) => [signingDomain, status.result]);
}

const header = 'From: alice@alpha.test\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: x\r\n';

test('the domain of the sender signs, and the signature holds', async (t) => {
  const { carried, transport } = recording();
  const outcomes = await transport(jobOf(`${header}\r\nhello\r\n`));
  t.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['sent', 'sent'],
  );
  t.is(carried.length, 1);
  t.true(carried[0]?.bytes.toString().endsWith(`${header}\r\nhello\r\n`));
  t.deepEqual(await verified(carried[0]?.bytes), [['alpha.test', 'pass']]);
});

test('bare line ends are mended before the signature', async (t) => {
  const { carried, transport } = recording();
  await transport(jobOf(`${header}\r\none\ntwo\rthree`));
  t.deepEqual(await verified(carried[0]?.bytes), [['alpha.test', 'pass']]);
  t.true(carried[0]?.bytes.toString().endsWith('one\r\ntwo\r\nthree'));
});

test('a changed mail does not pass: the check can fail', async (t) => {
  const { carried, transport } = recording();
  await transport(jobOf(`${header}\r\nhello\r\n`));
  const changed = Buffer.from(carried[0]?.bytes.toString().replace('hello', 'hallo') ?? '');
  t.notDeepEqual(await verified(changed), [['alpha.test', 'pass']]);
});

test('a field that is put on top breaks the signature, whether the mail has one of its name or not', async (t) => {
  const { carried, transport } = recording();
  await transport(
    jobOf(
      `${header}Message-ID: <1@alpha.test>\r\nReceived: from here\r\nReceived: from there\r\n\r\nhello\r\n`,
    ),
  );
  const text = carried[0]?.bytes.toString() ?? '';
  const names =
    /\bh=([^;]*);/s
      .exec(text)?.[1]
      ?.toLowerCase()
      .split(/[\s:]+/) ?? [];
  t.deepEqual(await verified(carried[0]?.bytes), [['alpha.test', 'pass']]);
  t.deepEqual(await verified(Buffer.from(`Received: by a relay\r\n${text}`)), [['alpha.test', 'pass']]);
  for (const name of [...oversigned, ...oversignedIfThere]) {
    const there = text.includes(`\n${name}: `) ? 1 : 0;
    t.is(names.filter((one) => one === name.toLowerCase()).length, there + 1, name);
    const added = Buffer.from(`${name}: eve@evil.test\r\n${text}`);
    t.notDeepEqual(await verified(added), [['alpha.test', 'pass']], name);
  }
});

test('servers on the way may add a date and an id to a mail that has none', async (t) => {
  const { carried, transport } = recording();
  await transport(jobOf('From: alice@alpha.test\r\n\r\nhello\r\n'));
  const added = `Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@mx.test>\r\n${carried[0]?.bytes.toString()}`;
  t.deepEqual(await verified(Buffer.from(added)), [['alpha.test', 'pass']]);
});

test('long lines are encoded, and signed as encoded', async (t) => {
  const { carried, transport } = recording();
  await transport(jobOf(`${header}\r\n${'x'.repeat(3000)}\r\n`));
  t.is(carried.length, 1);
  t.true((carried[0]?.bytes.toString() ?? '').split('\r\n').every((line) => line.length <= 998));
  t.deepEqual(await verified(carried[0]?.bytes), [['alpha.test', 'pass']]);
});

test('who takes no bytes above 127 gets the mail encoded, and nobody gets it twice', async (t) => {
  const { carried, transport } = recording();
  const outcomes = await transport(jobOf(`${header}\r\nwörds\r\n`));
  t.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['sent', 'sent'],
  );
  t.deepEqual(
    carried.map(({ to }) => to),
    [['carol@legacy.test', 'dave@narrow.test'], ['dave@narrow.test']],
  );
  t.false(carried[1]?.bytes.some((byte) => byte > 127));
  t.deepEqual(await verified(carried[1]?.bytes), [['alpha.test', 'pass']]);
});

test('a domain without a key does not sign, nor does a report', async (t) => {
  for (const from of ['erin@other.test', '']) {
    const { carried, transport } = recording();
    await transport(jobOf(`${header}\r\nhello\r\n`, from));
    t.is(carried[0]?.bytes.toString(), `${header}\r\nhello\r\n`);
  }
});
