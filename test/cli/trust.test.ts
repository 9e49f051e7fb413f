/** Trust by hand: every step a command. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type {
  DomainTrustReport,
  PinnedCorrespondent,
  SendResult,
  TrustReport,
} from '../../src/client/api.ts';
import { userName } from '../../src/directory/pins.ts';
import { userPin, type UserPin } from '../../src/directory/user-pins.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import type { Run } from './beckon.ts';
import { enrolled, startHosters, type Hosters } from './hosters.ts';

let hosters: Hosters;

test.before(async () => {
  hosters = await startHosters(['alpha', 'beta']);
});
test.after.always(async () => {
  await hosters?.[Symbol.asyncDispose]();
});

async function pair(name: string) {
  const [alice, bob] = [`alice-${name}`, `bob-${name}`];
  await Promise.all([enrolled(hosters, alice, 'alpha'), enrolled(hosters, bob, 'beta')]);
  return { alice, bob, address: `${bob}@beta.test` };
}

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

const run = (user: string, ...args: readonly string[]): Promise<Run> => hosters.as(user, args);

async function json<T>(user: string, ...args: readonly string[]): Promise<T> {
  const { out, err } = await run(user, ...args, '--json');
  // Also what ends with a warning says its JSON.
  if (out === '') throw new Error(`nothing came: ${err}`);
  return JSON.parse(out) as T;
}

/** Another pin than a client has made: as if the domain had listed something else until now. */
async function repin(user: string, address: string, change: (pin: UserPin) => UserPin): Promise<void> {
  const path = join(hosters.dir.path, 'homes', user, 'beckon', 'state.json');
  const state = JSON.parse(await readFile(path, 'utf8')) as { directory: Record<string, string> };
  const name = `user-pin:${userName(address)}`;
  const pin = decode(userPin, Buffer.from(state.directory[name] ?? '', 'base64url'));
  state.directory[name] = Buffer.from(encode(userPin, change(pin))).toString('base64url');
  delete state.directory[`user-entry:${userName(address)}`];
  await writeFile(path, JSON.stringify(state));
}

test.serial('a fingerprint is shown in three forms, and compared in any of them', async (t) => {
  const { alice, bob, address } = await pair('forms');
  const own = await json<TrustReport>(bob, 'trust', 'show');
  const shown = ok(await run(alice, 'trust', 'show', address));
  t.regex(shown, new RegExp(`^ {2}in digits {2}${own.digits}$`, 'm'));
  for (const half of [/^(?:\w+ ){6}/, /(?: \w+){6}$/].map((part) => part.exec(own.words ?? '')?.[0].trim()))
    t.true(shown.includes(half ?? '?'));
  t.regex(shown, /^domain {7}beta\.test$/m);
  t.regex(shown, /^can read {5}their own devices$/m);
  t.regex(shown, /unconfirmed/);
  const other = await json<TrustReport>(alice, 'trust', 'show');
  for (const form of ['words', 'digits', 'fingerprint'] as const) {
    const wrong = await run(alice, 'trust', 'verify', address, ...(other[form] ?? '').split(' '));
    t.is(wrong.code, 1);
    t.regex(wrong.err, /\[fingerprint_mismatch\]/);
    t.like(await json(alice, 'trust', 'verify', address, own[form] ?? ''), { trust: { level: 'direct' } });
  }
  const cut = await run(alice, 'trust', 'verify', address, ...(own.words ?? '').split(' ').slice(1));
  t.is(cut.code, 2);
  t.regex(cut.err, /12 words or 40 digits/);
});

test.serial('a domain is shown and compared like a user', async (t) => {
  const { alice } = await pair('domain');
  const report = await json<DomainTrustReport>(alice, 'trust', 'show', 'beta.test');
  t.like(report, { domain: 'beta.test', outcome: 'native', trust: { level: 'dns' }, escrow: false });
  const shown = ok(await run(alice, 'trust', 'show', 'beta.test'));
  t.regex(shown, new RegExp(`^key {10}id:${report.fingerprint?.whole}$`, 'm'));
  const digits = report.fingerprint?.digits ?? '';
  t.regex(ok(await run(alice, 'trust', 'verify', 'beta.test', digits)), /^trust {8}direct \(compared, /m);
  const own = await json<TrustReport>(alice, 'trust', 'show');
  t.is((await run(alice, 'trust', 'verify', 'beta.test', own.digits ?? '')).code, 1);
  t.is((await run(alice, 'trust', 'show', 'no domain')).code, 2);
});

test.serial(
  'a changed identity: nothing is sent, the command to type is said, and the history tells',
  async (t) => {
    const { alice, address } = await pair('changed');
    ok(await run(alice, 'send', address, '--body', 'hello'));
    await repin(alice, address, (pin) => ({ ...pin, fingerprint: new Uint8Array(32).fill(7), confirmed: 1 }));

    const refused = await run(alice, 'send', address, '--body', 'a secret');
    t.is(refused.code, 1);
    t.regex(refused.err, /nothing was sent \[trust_changed\]/);
    const { fingerprint } = await json<TrustReport>(`bob-changed`, 'trust', 'show');
    const command = `beckon trust accept ${address} id:${fingerprint}`;
    t.true(refused.out.includes(command));
    t.like((await json<SendResult>(alice, 'send', address, '--body', 'x')).recipients, [
      { code: 'trust_changed', changed: { offered: { whole: fingerprint } } },
    ]);
    t.regex((await run(alice, 'inbox')).err, /another identity is listed, and waits for your word/);
    t.like(await json<PinnedCorrespondent[]>(alice, 'trust', 'list'), [{ address, waits: true }]);
    t.regex((await run(alice, 'trust', 'list')).out, /WAITS for your word/);

    const blind = await run(alice, 'trust', 'accept', address);
    t.is(blind.code, 1);
    t.regex(blind.err, /\[trust_changed\]/);
    const shown = await run(alice, 'trust', 'show', address);
    t.is(shown.code, 1);
    t.regex(shown.out, new RegExp(`^offered {6}id:${fingerprint}$`, 'm'));
    t.true(shown.err.includes(command));
    const accepted = ok(await run(alice, 'trust', 'accept', address));
    t.regex(accepted, new RegExp(`^fingerprint {2}id:${fingerprint}$`, 'm'));
    t.regex(accepted, /you accepted another identity/);
    t.regex((await run(alice, 'trust', 'accept', address)).err, /^nothing waits for your word/);
    t.regex((await run(alice, 'send', address, '--body', 'now')).err, /unconfirmed: no answer/);
  },
);

test.serial('who has a plain-text store, or a domain with their keys, is told before sending', async (t) => {
  const { alice, address } = await pair('readers');
  ok(await run(alice, 'send', address, '--body', 'hello'));
  await repin(alice, address, (pin) => ({ ...pin, bridged: true, confirmed: 5 }));
  const { err } = await run(alice, 'send', address, '--body', 'again');
  t.regex(err, /copied into a plain-text store no more/);
  t.notRegex(err, /unconfirmed/);
  t.notRegex((await run(alice, 'send', address, '--body', 'again')).err, /plain-text/, 'told once');
  t.regex(ok(await run(alice, 'trust', 'show', address)), /plain-text store no more/, 'the history keeps it');
});

test.serial('a native address that vanishes waits for the word that mail will do', async (t) => {
  const { alice, address } = await pair('mail');
  ok(await run(alice, 'send', address, '--body', 'hello'));
  const { dns, records } = hosters;
  await repin(alice, address, (pin) => pin);
  await forgetDomain(alice, 'beta.test');
  dns.set([
    ...records.filter((record) => !record.name.startsWith('_beckon._tcp.beta')),
    { type: 'MX', name: 'beta.test', priority: 10, exchange: 'mx.beta.test' },
  ]);
  const refused = await run(alice, 'send', address, '--body', 'x');
  t.is(refused.code, 1);
  t.true(refused.out.includes(`beckon trust accept --mail ${address}`), refused.out + refused.err);
  t.like(await json<TrustReport>(alice, 'trust', 'accept', '--mail', address), {
    outcome: 'legacy',
    reason: 'accepted',
    mailAccepted: true,
  });
  t.regex((await run(alice, 'send', address, '--body', 'x')).err, /\[discovery_legacy\]/);
  dns.set(records);
});

/** As if the record of a domain were due to be read again. */
async function forgetDomain(user: string, domain: string): Promise<void> {
  const path = join(hosters.dir.path, 'homes', user, 'beckon', 'state.json');
  const state = JSON.parse(await readFile(path, 'utf8')) as { directory: Record<string, string> };
  delete state.directory[`domain-entry:${domain}`];
  await writeFile(path, JSON.stringify(state));
}
