/** The hoster saves, checks and restores, as the commands say it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { beckon, serve } from './beckon.ts';
import { enrolled, startHosters } from './hosters.ts';

test('backup while the daemon runs, check, restore to a new machine, serve there', async (t) => {
  await using hosters = await startHosters(['alpha']);
  await enrolled(hosters, 'ann', 'alpha');
  const { path } = hosters.dir;
  const made = await hosters.hoster('alpha', ['backup', '../copy']);
  t.is(made.code, 0, made.err);
  t.regex(made.out, /^wrote +.*copy: \d+ files/);
  const again = await hosters.hoster('alpha', ['backup', '../copy']);
  t.is(again.code, 1);
  t.regex(again.err, /exists and is not overwritten/);

  const running = await hosters.hoster('alpha', ['check']);
  t.is(running.code, 1);
  t.regex(running.err, /beckon backup DIR, then beckon check DIR/);
  const checked = await beckon(['check', 'copy'], { cwd: path, env: hosters.env });
  t.is(checked.code, 0, checked.err);
  t.regex(checked.out, /^ok +\d+ rows, .* hold together/);

  const restored = await beckon(
    ['restore', 'copy', '--config', 'new/beckon.toml', '--data', 'new/data', '--json'],
    {
      cwd: path,
      env: hosters.env,
    },
  );
  t.is(restored.code, 0, restored.err);
  t.like(JSON.parse(restored.out), {
    data: join(path, 'new/data'),
    domains: ['alpha.test'],
    check: { total: 0 },
  });
  const overwriting = await beckon(['restore', 'copy', '--config', 'new/beckon.toml', '--data', 'new/data'], {
    cwd: path,
    env: hosters.env,
  });
  t.is(overwriting.code, 1);
  const env = {
    ...hosters.env,
    BECKON_DATA: join(path, 'new/data'),
    BECKON_LISTEN_ADMIN: `unix:${join(path, 'new/data/admin.sock')}`,
  };
  await using daemon = await serve({ cwd: join(path, 'new'), env });
  t.true(daemon.https > 0);
  const users = await beckon(['user', 'list', '--json'], { cwd: join(path, 'new'), env });
  t.like(JSON.parse(users.out), [{ address: 'ann@alpha.test', state: 'active' }]);
});

test('a damaged backup is named, and refused', async (t) => {
  await using hosters = await startHosters(['alpha']);
  const { path } = hosters.dir;
  await hosters.hoster('alpha', ['backup', '../copy']);
  const keys = join(path, 'copy/keys/alpha.test/working.json');
  await writeFile(keys, (await readFile(keys, 'utf8')).replace('alpha.test', 'omega.test'));
  const checked = await beckon(['check', 'copy'], { cwd: path, env: hosters.env });
  t.is(checked.code, 2);
  t.regex(checked.out, /^FAIL +keys\/alpha.test\/working.json is not what was written/);
  const restored = await beckon(['restore', 'copy', '--config', 'x.toml', '--data', 'x'], {
    cwd: path,
    env: hosters.env,
  });
  t.is(restored.code, 2);
  t.regex(restored.err, /is not what was written/);
  const nothing = await beckon(['check', '.'], { cwd: path, env: hosters.env });
  t.is(nothing.code, 1);
  t.regex(nothing.err, /there is no backup/);
});
