/** `beckon user` by hand: real commands, a real daemon; and what is printed for a user who is enrolled. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Admin } from '../../src/cli/admin.ts';
import { testDirectory } from '../support/directory.ts';
import { serve, type Run } from './beckon.ts';
import { beckonHere, command } from './face.ts';

const settings = [
  'listen.https=127.0.0.1:0',
  'listen.udp=',
  'listen.metrics=',
  'tls.mode=none',
  'storage.reserve=0%',
].flatMap((setting) => ['--set', setting]);

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

test('users are invited, listed, exported and removed', async (t) => {
  await using dir = await testDirectory();
  const cwd = dir.path;
  ok(await beckonHere(['init', 'alpha.test', '--data', 'data', ...settings], { cwd }));
  const user = (...args: string[]): Promise<Run> => beckonHere(['user', ...args], { cwd });
  await using daemon = await serve({ cwd });

  t.like(await user('list'), { code: 0, out: '', err: 'nobody yet: beckon user add NAME@DOMAIN\n' });
  ok(await user('add', 'ann@alpha.test'));
  t.regex(ok(await user('list')), /^ann@alpha\.test {2}invited {2}since 20.* {2}0 devices {2}0 B\n$/);
  const refused = await user('reinvite', 'ann@alpha.test');
  t.deepEqual(
    [refused.code, /\[not_found\]\n.*beckon user add/.test(refused.err)],
    [1, true],
    'who never enrolled is added again',
  );

  t.regex(
    ok(await user('export', 'ann@alpha.test', 'out')),
    /^wrote {3}.*\/out: 1 file, 0 B of ciphertext\n/,
  );
  t.deepEqual(await readdir(join(cwd, 'out')), ['user.json']);
  const exported = JSON.parse(await readFile(join(cwd, 'out', 'user.json'), 'utf8')) as object;
  t.like(exported, { address: 'ann@alpha.test', state: 'invited', sent: [] });
  const twice = await user('export', 'ann@alpha.test', 'out');
  t.deepEqual([twice.code, /\[exists\]/.test(twice.err)], [1, true]);

  const unsure = await user('remove', 'ann@alpha.test');
  t.deepEqual([unsure.code, /say --yes/.test(unsure.err)], [2, true]);
  t.regex(ok(await user('remove', 'ann@alpha.test', '--yes')), /^ann@alpha\.test is removed/);
  t.is(ok(await user('list')), '');
  t.is((await user('remove', 'ann@alpha.test', '--yes')).code, 1);
  t.truthy(daemon);
});

test('who is invited again is told what goes when', async (t) => {
  await using dir = await testDirectory();
  const cwd = dir.path;
  ok(await beckonHere(['init', 'alpha.test', '--data', 'data', ...settings], { cwd }));
  const asked: unknown[] = [];
  const admin: Partial<Admin> = {
    async reinviteUser(address, how) {
      asked.push([address, how]);
      return { address, invitation: 'beckon-invitation:abc', expires: 1_800_000_000 };
    },
    close: async () => {},
  };
  const reinvite = (...args: string[]) =>
    command(['user', 'reinvite', 'ANN@alpha.test', ...args], {
      cwd,
      parts: { openAdmin: () => admin as Admin },
    });
  const plain = ok(await reinvite());
  t.regex(plain, /^invitation for ann@alpha\.test \(once, until 2027-/);
  t.regex(plain, /\nbeckon-invitation:abc\nnow {5}nothing changes/);
  t.regex(ok(await reinvite('--revoke')), /\nnow {5}their devices are refused/);
  t.like(JSON.parse(ok(await reinvite('--json'))), { invitation: 'beckon-invitation:abc' });
  t.deepEqual(asked, [
    ['ann@alpha.test', { revoke: false }],
    ['ann@alpha.test', { revoke: true }],
    ['ann@alpha.test', { revoke: false }],
  ]);
});
