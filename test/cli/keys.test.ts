/** `beckon keys` by hand: real commands, a real daemon. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isSealedText } from '../../src/crypto/sealed-text.ts';
import type { Admin } from '../../src/cli/admin.ts';
import type { KeyReport } from '../../src/http/admin-handlers.ts';
import { testDirectory } from '../support/directory.ts';
import { testClock } from '../support/clock.ts';
import { beckon, serve, type Run } from './beckon.ts';
import { beckonHere, command } from './face.ts';

const settings = [
  'listen.https=127.0.0.1:0',
  'listen.udp=',
  'listen.metrics=',
  'tls.mode=none',
  'storage.reserve=0%',
];

async function installed(cwd: string, more: readonly string[] = []): Promise<void> {
  const set = [...settings, ...more].flatMap((setting) => ['--set', setting]);
  const made = await beckonHere(['init', 'alpha.test', '--data', 'data', ...set], { cwd });
  if (made.code !== 0) throw new Error(made.err);
}

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

test('list, rotate, revoke and the way of the identity key offline', async (t) => {
  await using dir = await testDirectory();
  const cwd = dir.path;
  await installed(cwd);
  const keys = (...args: string[]): Promise<Run> => beckonHere(['keys', ...args], { cwd });
  await using daemon = await serve({ cwd });

  const listed = ok(await keys('list'));
  t.regex(listed, /^alpha\.test {2}identity key here, mandate for 39\d d\n/);
  for (const use of ['signing', 'notification', 'envelope', 'poll'])
    t.regex(listed, new RegExp(`\n {2}${use} +[0-9a-f]{16} {2}active {2}rotates 20.* \\(in \\d+ d\\)\n`));

  const rotated = ok(await keys('rotate', 'alpha.test', '--use', 'poll'));
  t.regex(rotated, /\n {2}poll +[0-9a-f]{16} {2}pending {2}used from 20.* \(in (7|8) d\)\n/);
  t.regex(rotated, /\n {2}poll +[0-9a-f]{16} {2}active {3}retires 20/);

  const report = async (): Promise<KeyReport> =>
    (JSON.parse(ok(await keys('list', 'alpha.test', '--json'))) as [KeyReport])[0];
  const { id = '' } = (await report()).keys.find(({ use }) => use === 'notification') ?? {};
  t.regex(
    ok(await keys('revoke', id.toUpperCase())),
    new RegExp(`^revoked ${id.toUpperCase()}\n[^]*${id} {2}revoked {2}since 20`),
  );
  t.deepEqual(
    (await report()).keys
      .filter(({ use }) => use === 'notification')
      .map(({ status }) => status)
      .sort(),
    ['active', 'revoked'],
  );
  const again = await keys('revoke', id);
  t.is(again.code, 1);
  t.regex(again.err, /revoked already.*\[conflict\]/);
  t.regex((await keys('revoke', '0'.repeat(16))).err, /\[not_found\]\nnext {4}beckon keys list/);

  const shown = JSON.parse(ok(await keys('export', '--public'))) as Record<string, string>;
  t.is(shown['domain'], 'alpha.test');
  t.is((await keys('export')).code, 2);

  const passphrase = join(cwd, 'passphrase');
  await writeFile(passphrase, 'correct horse\n', { mode: 0o600 });
  const file = join(cwd, 'identity.json');
  const exported = ok(await keys('export', '--identity', file, '--passphrase-file', passphrase));
  t.regex(exported, /^wrote {3}.*identity\.json \(0600, encrypted\); the daemon no longer has the key\n/);
  t.true(isSealedText(await readFile(file, 'utf8')));
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.deepEqual(await readdir(join(cwd, 'data/keys/alpha.test')), ['working.json']);
  t.regex(ok(await keys('list')), /^alpha\.test {2}identity key offline/);
  t.is((await keys('export', '--identity', join(cwd, 'second.json'))).code, 1);

  const without = await keys('rotate', '--use', 'signing');
  t.is(without.code, 1);
  t.regex(without.err, /identity key.*\[conflict\]\nnext {4}bring the file/);
  t.regex((await keys('rotate', '--use', 'signing', '--identity', file)).err, /\[usage\]/);
  const given = ['--identity', file, '--passphrase-file', passphrase];
  t.regex(ok(await keys('rotate', '--use', 'signing', ...given)), /\n {2}signing +[0-9a-f]{16} {2}pending/);
  const signing = (await report()).keys.find(({ use, status }) => use === 'signing' && status === 'active');
  ok(await keys('revoke', signing?.id ?? '', ...given));
  t.is((await report()).keys.filter(({ use, status }) => use === 'signing' && status === 'active').length, 1);
  t.deepEqual(await readdir(join(cwd, 'data/keys/alpha.test')), ['working.json'], 'it was not kept');
  t.regex(ok(await keys('import', ...given)), /is kept here again\n$/);
  t.deepEqual(await readdir(join(cwd, 'data/keys/alpha.test')), ['identity.json', 'working.json']);
  t.regex((await keys('import', ...given)).err, /here already.*\[exists\]/);
  t.regex(ok(await keys('list')), /^alpha\.test {2}identity key here/);
  t.is((await beckonHere(['status'], { cwd })).code, 0);
  t.is(await daemon.stop(), 0);
});

test('key files under a passphrase: the start asks for it, protect changes it and takes it away', async (t) => {
  await using dir = await testDirectory();
  const cwd = dir.path;
  for (const name of ['first', 'second']) await writeFile(join(cwd, name), `${name}\n`, { mode: 0o600 });
  await installed(cwd);
  const file = join(cwd, 'data/keys/alpha.test/working.json');
  t.false(isSealedText(await readFile(file, 'utf8')));
  const env = (name: string) => ({ BECKON_KEYS_PASSPHRASE_FILE: join(cwd, name) });

  const running = await serve({ cwd, env: env('first') });
  t.teardown(() => running.stop());
  t.true(isSealedText(await readFile(file, 'utf8')), 'encrypted at the start');
  ok(await beckonHere(['domain', 'add', 'beta.test'], { cwd, env: env('first') }));
  t.true(isSealedText(await readFile(join(cwd, 'data/keys/beta.test/working.json'), 'utf8')));
  const refused = await beckonHere(['keys', 'protect', '--off'], { cwd, env: env('first') });
  t.regex(refused.err, /the daemon is running.*\[state_locked\]\nnext {4}stop it first/);
  await running.stop();

  const sealed = await readFile(file, 'utf8');
  const blind = await beckon(['serve'], { cwd });
  t.is(blind.code, 2);
  t.regex(blind.err, /working\.json: encrypted; set keys\.passphrase_file/);
  const wrong = await beckon(['serve'], { cwd, env: env('second') });
  t.is(wrong.code, 2);
  t.regex(wrong.err, /working\.json: the passphrase does not open it; nothing was changed.*\[open_failed\]/);
  t.is(await readFile(file, 'utf8'), sealed);

  const protect = (...args: string[]) => beckonHere(['keys', 'protect', ...args], { cwd, env: env('first') });
  t.is((await protect()).code, 2);
  t.regex(ok(await protect('--passphrase-file', 'second')), /^wrote {3}4 key files, encrypted\n/);
  await (await serve({ cwd, env: env('second') })).stop();
  const off = await beckonHere(['keys', 'protect', '--off'], { cwd, env: env('second') });
  t.regex(ok(off), /^wrote {3}4 key files, plain\n/);
  await (await serve({ cwd })).stop();
});

test('list and status warn of a mandate that ends, and say what to do', async (t) => {
  await using dir = await testDirectory();
  const cwd = dir.path;
  await installed(cwd);
  const now = testClock().seconds();
  const mandateEnds = now + 30 * 86_400;
  const report: KeyReport = {
    domain: 'alpha.test',
    identity: 'offline',
    mandateEnds,
    identityWanted: mandateEnds,
    keys: [],
  };
  const status = {
    version: '1',
    uptime: 1,
    domains: 1,
    users: 0,
    waiting: { messages: 0, bytes: 0 },
    stored: { bytes: 0, maxBytes: 1, aside: 0 },
    pulled: { messages: 2, bytes: 5000 },
    received: { since: now, stored: 0, introductions: 3, dropped: {} },
    mailQueue: 0,
    watchers: 0,
    identityWanted: [{ domain: 'alpha.test', mandateEnds }],
  };
  const openAdmin = (): Admin =>
    ({
      status: async () => status,
      domains: async () => [{ domain: 'alpha.test' }],
      domainKeys: async () => report,
      close: async () => {},
    }) as unknown as Admin;
  const { out } = await command(['status'], { cwd, parts: { openAdmin } });
  t.regex(out, /^introductions {2}3 in the feeds;/m, 'also those of before the daemon started');
  for (const args of [['keys', 'list'], ['status']]) {
    const { code, err } = await command(args, { cwd, parts: { openAdmin } });
    t.is(code, 1);
    t.regex(err, /mandate of alpha\.test ends in 30 d .*identity key is offline/);
    t.regex(err, /next {4}beckon keys rotate alpha\.test --use signing --identity FILE/);
  }
});
