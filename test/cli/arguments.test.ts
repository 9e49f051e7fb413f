import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { loadCommands } from '../../src/cli/commands.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { errorCodes } from '../../src/errors.ts';
import { testClock } from '../support/clock.ts';
import { testDirectory } from '../support/directory.ts';
import { beckon } from './beckon.ts';
import { beckonHere, command } from './face.ts';

const nothing = (): never => {
  throw new Error('not here');
};

const groups = await loadCommands({
  face: undefined as never,
  clock: testClock(),
  random: async () => systemRandom,
  openAdmin: nothing,
  createClient: nothing,
  lookUpMail: nothing,
  serve: nothing,
  demo: nothing,
  version: '0',
});
/** The words of every command. */
const paths = groups
  .flatMap(({ commands }) => commands)
  .flatMap((one) => [[one.name()], ...one.commands.map((member) => [one.name(), member.name()])]);

/** Writes the name of each package that a process loads to its standard error, at its end. */
const watchLoading = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    load(url, context, next) {
      packages.add(/node_modules[/]((?:@[^/]+[/])?[^/]+)/.exec(url)?.[1]);
      return next(url, context);
    },
  });
  process.on('exit', () => console.error([...packages].join(' ')));
`)}`;

test('what one command alone needs is not loaded by the others', async (t) => {
  const { code, err } = await beckon(['--help'], {
    cwd: '/',
    env: { NODE_OPTIONS: `--import=${watchLoading}` },
  });
  t.is(code, 0);
  const loaded = err.trim().split(' ');
  t.true(loaded.includes('commander'));
  for (const heavy of ['lmdb', 'undici', 'pino', 'nodemailer', 'postal-mime', '@peculiar/x509'])
    t.false(loaded.includes(heavy), heavy);
});

test('a daemon without bridges loads no library of theirs', (t) => {
  const daemon = new URL('../../src/daemon.ts', import.meta.url).href;
  const { stderr } = spawnSync(
    process.execPath,
    [`--import=${watchLoading}`, '--input-type=module', '--eval', `await import('${daemon}')`],
    { encoding: 'utf8' },
  );
  const loaded = stderr.trim().split(' ');
  t.true(loaded.includes('fastify'));
  for (const heavy of ['mailauth', 'smtp-server', 'imapflow', 'nodemailer', 'postal-mime'])
    t.false(loaded.includes(heavy), heavy);
});

test('every command shows help with an example of itself', async (t) => {
  t.true(paths.length > 20);
  for (const path of paths) {
    const { code, out, err } = await command([...path, '--help'], { cwd: '/', parts: { demo: nothing } });
    t.is(code, 0);
    t.is(err, '');
    t.regex(out, new RegExp(`Example:\n  \\$ beckon ${path.join(' ')}`));
  }
});

test('the version, the help, and nothing at all', async (t) => {
  await using dir = await testDirectory();
  const version = await beckon(['--version'], { cwd: dir.path });
  t.is(version.code, 0);
  t.regex(version.out, /^\d+\.\d+\.\d+\n$/);
  const help = await beckon(['--help'], { cwd: dir.path });
  t.is(help.code, 0);
  t.regex(help.out, /Hoster:[^]*User:/);
  const none = await beckon([], { cwd: dir.path });
  t.is(none.code, 2);
  t.is(none.out, '');
  t.regex(none.err, /^beckon: no command \[usage\]\nnext {4}beckon --help\n$/);
});

for (const args of [
  ['frobnicate'],
  ['--frobnicate'],
  ['send', '--frobnicate', 'bob@beta.test'],
  ['send'],
  ['send', '--body'],
  ['init'],
  ['init', 'alpha.test', 'beta.test'],
  ['init', 'alpha.test', '--set', 'nonsense=1'],
  ['init', 'alpha.test', '--set', 'host'],
  ['init', 'no domain'],
  ['domain'],
  ['domain', 'frobnicate'],
  ['domain', 'set', 'alpha.test'],
  ['domain', 'set', 'alpha.test', '--introductions', 'sometimes'],
  ['domain', 'set', 'alpha.test', '--transit', '400d'],
  ['domain', 'set', 'alpha.test', '--quota', 'much'],
  ['domain', 'dns', 'alpha.test', '--zone', '--json'],
  ['user', 'add', 'nobody'],
  ['user', 'add', 'a b@alpha.test'],
  ['read', 'one'],
  ['read', '0'],
  ['read', '-1'],
  ['read', '1.5'],
  ['read', '99999999999999999999'],
  ['save', '1e3'],
  ['retract', 'x'],
  ['enroll', 'beckon-invitation:'],
  ['enroll', 'hello'],
  ['send', 'bob@beta.test', '--expires', '91d', '--body', 'x'],
  ['send', 'bob@beta.test', '--expires', 'tomorrow', '--body', 'x'],
  ['send', 'bob', '--body', 'x'],
  ['send', 'file.txt', '--body', 'x'],
  ['send', '@', '--body', 'x'],
  ['send', 'a@b@c', '--body', 'x'],
])
  test(`misused: beckon ${args.join(' ')}`, async (t) => {
    await using dir = await testDirectory();
    await writeFile(join(dir.path, 'file.txt'), 'x');
    await writeFile(join(dir.path, 'beckon.toml'), 'host = "post.hoster.net"\n');
    const { code, out, err } = await command(args, { cwd: dir.path });
    t.is(code, 2);
    t.is(out, '');
    t.regex(err, /^beckon: .+ \[(usage|domain_invalid|address_invalid|invitation_invalid)\]\n/);
    t.deepEqual((await readdir(dir.path)).sort(), ['beckon.toml', 'file.txt']);
  });

const known = new RegExp(`\\[(${errorCodes.join('|')})\\]`);

test('whatever the words are: a code, never a stack trace', async (t) => {
  await using dir = await testDirectory();
  await writeFile(join(dir.path, 'beckon.toml'), 'host = "post.hoster.net"\n');
  const words = fc.oneof(
    fc.constantFrom(
      ...paths.flat(),
      '--json',
      '--home',
      '--config',
      '--set',
      '-s',
      '--',
      '-',
      '1',
      'a@b.test',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).filter((word) => !word.includes('\0')),
    fc.constantFrom('../..', '/dev/null', '%s', '\u001b[31m', '__proto__', 'constructor', '--__proto__=1'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 6 }), async (args) => {
      // Those that would write somewhere are tested on their own.
      fc.pre(args[0] !== 'init');
      const { code, out, err } = await command(args, { cwd: dir.path });
      t.true(code === 0 || code === 1 || code === 2);
      t.notRegex(out + err, /\n\s+at |node:internal|TypeError/);
      t.false(err.includes('\u001b'));
      if (code !== 0) t.regex(err, known);
    }),
    { numRuns: 400 },
  );
});

test('init takes any words for a domain or a host without harm', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), async (domain, host) => {
      await using dir = await testDirectory();
      const { code, err } = await command(
        ['init', '--host', host, '--data', join(dir.path, 'data'), '--', domain],
        { cwd: dir.path },
      );
      if (code === 0) return;
      t.is(code, 2);
      t.regex(err, known);
      t.deepEqual(await readdir(dir.path), []);
    }),
    { numRuns: 100 },
  );
});

test('a stack trace only when asked for', async (t) => {
  const plain = await command(['read', 'x'], { cwd: '/' });
  t.notRegex(plain.err, /\n\s+at /);
  const debug = await command(['read', 'x'], { cwd: '/', env: { BECKON_DEBUG: '1' } });
  t.regex(debug.err, /\n\s+at /);
});

test('what should not happen is reported without its details', async (t) => {
  const fails = (): never => {
    throw new TypeError('the secret inside');
  };
  await using dir = await testDirectory();
  await writeFile(join(dir.path, 'beckon.toml'), 'host = "post.hoster.net"\n');
  const { code, err } = await command(['status'], { cwd: dir.path, parts: { openAdmin: fails } });
  t.is(code, 2);
  t.regex(err, /\[internal\]/);
  t.notRegex(err, /secret/);
});

test('the configuration is found: named, here, or not at all', async (t) => {
  await using dir = await testDirectory();
  const none = await command(['config', 'check'], { cwd: join(dir.path) });
  t.is(none.code, 2);
  t.regex(none.err, /\[config_invalid\]\nnext {4}beckon init/);
  await writeFile(join(dir.path, 'beckon.toml'), 'host = "post.hoster.net"\n');
  const here = await command(['config', 'check'], { cwd: dir.path });
  t.is(here.code, 0);
  await mkdir(join(dir.path, 'other'));
  await writeFile(join(dir.path, 'other/x.toml'), 'host = "post.hoster.net"\nfrob = 1\n');
  const named = await command(['config', 'check', '--config', 'other/x.toml'], { cwd: dir.path });
  t.is(named.code, 2);
  t.regex(named.err, /x\.toml:2: frob: no such key \[config_invalid\]/);
});

test('files under npm run are those of the directory where the user is', async (t) => {
  await using dir = await testDirectory();
  await writeFile(join(dir.path, 'mine.toml'), 'host = "post.hoster.net"\n');
  const env = { INIT_CWD: dir.path, npm_package_json: '/package/package.json' };
  const npm = await command(['config', 'check', '--config', 'mine.toml'], { cwd: '/package', env });
  t.is(npm.code, 0);
  const child = await command(['config', 'check', '--config', 'mine.toml'], { cwd: '/elsewhere', env });
  t.is(child.code, 2);
});

test('without the daemon the hoster’s commands say so, and how to start it', async (t) => {
  await using dir = await testDirectory();
  await beckonHere(['init', 'alpha.test', '--data', 'data'], {
    cwd: dir.path,
    env: { BECKON_RESOLVERS: '127.0.0.1:9' },
  });
  for (const args of [['status'], ['reload'], ['domain', 'list'], ['user', 'add', 'a@alpha.test']]) {
    const { code, err } = await beckonHere(args, { cwd: dir.path });
    t.is(code, 2);
    t.regex(err, /^beckon: the daemon is not running: .*\[unavailable\]\nnext {4}start it: beckon serve\n$/);
  }
});

test('init never overwrites, adds domains, and shows the recovery key once', async (t) => {
  await using dir = await testDirectory();
  const quiet = { cwd: dir.path, env: { BECKON_RESOLVERS: '127.0.0.1:9' } };
  const first = await beckon(['init', 'Alpha.TEST', '--host', 'post.hoster.net', '--data', 'data'], quiet);
  t.is(first.code, 0, first.err);
  t.regex(first.out, /^wrote {3}beckon\.toml; keys in .*\/data\/keys\/alpha\.test \(0600\)\nRECOVERY KEY/);
  t.regex(first.out, /\n {2}_beckon\._tcp\.alpha\.test\. {2}SRV {3}0 0 443 post\.hoster\.net\.\n/);
  t.notRegex(first.out, /^(MX is|no MX)/m); // keys and fingerprints may hold these letters
  const config = await readFile(join(dir.path, 'beckon.toml'), 'utf8');
  t.notRegex(config, /RECOVERY/i);

  const again = await beckon(['init', 'alpha.test'], quiet);
  t.is(again.code, 1);
  t.regex(again.err, /\[exists\]/);
  const changed = await beckon(['init', 'beta.test', '--host', 'other.test'], quiet);
  t.is(changed.code, 1);
  t.regex(changed.err, /\[exists\]/);
  const further = await beckon(['init', 'beta.test', '--json'], quiet);
  t.is(further.code, 0, further.err);
  t.is((JSON.parse(further.out) as { domain: string }).domain, 'beta.test');
  t.deepEqual((await readdir(join(dir.path, 'data/keys'))).sort(), ['alpha.test', 'beta.test']);
  t.is(await readFile(join(dir.path, 'beckon.toml'), 'utf8'), config);
});

test('keys that others may open stop the daemon', async (t) => {
  await using dir = await testDirectory();
  const quiet = { cwd: dir.path, env: { BECKON_RESOLVERS: '127.0.0.1:9' } };
  const set = ['listen.https=127.0.0.1:0', 'listen.udp=', 'listen.metrics=', 'tls.mode=none'];
  const made = await beckonHere(
    ['init', 'alpha.test', '--data', 'data', ...set.flatMap((one) => ['--set', one])],
    quiet,
  );
  t.is(made.code, 0, made.err);
  const file = join(dir.path, 'data/keys/alpha.test/working.json');
  await chmod(file, 0o644);
  const { code, err } = await beckon(['serve'], quiet);
  t.is(code, 2);
  t.true(err.includes(file));
  t.regex(err, /\[config_invalid\]/);
});
