/** The identity of a domain from the command line: real commands, a real daemon, real DNS. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { DnsRecord } from '../../src/dns/record.ts';
import { testDirectory } from '../support/directory.ts';
import { startDns } from '../support/dns-server.ts';
import { serve, type Run } from './beckon.ts';
import { beckonHere } from './face.ts';

const settings = [
  'listen.https=127.0.0.1:0',
  'listen.udp=',
  'listen.metrics=',
  'tls.mode=none',
  'storage.reserve=0%',
];

function ok({ code, out, err }: Run): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return out;
}

const recoveryIn = (text: string): string => /BECKON-RECOVERY-[0-9A-Z-]+/.exec(text)?.[0] ?? '';
const txtIn = (text: string): string => /TXT +"([^"]+)"/.exec(text)?.[1] ?? '';
const idsIn = (text: string): readonly string[] =>
  [...txtIn(text).matchAll(/id=([^;]+)/g)].map(([, id = '']) => id);

async function installed() {
  await using parts = new AsyncDisposableStack();
  const dir = parts.use(await testDirectory());
  const dns = parts.use(await startDns());
  const cwd = dir.path;
  const set = [...settings, `dns.resolvers=${dns.address}`].flatMap((setting) => ['--set', setting]);
  const made = ok(await beckonHere(['init', 'alpha.test', '--data', 'data', ...set], { cwd }));
  const daemon = parts.use(await serve({ cwd }));
  const run = (args: readonly string[], input = '') => beckonHere(args, { cwd, input });
  const publish = (text: string): void => {
    const record: DnsRecord = { type: 'TXT', name: '_beckon.alpha.test', text };
    dns.set([record]);
  };
  const stack = parts.move();
  return { cwd, daemon, run, publish, made, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('another identity: prepared, refused until DNS shows it, taken by the same command, given up where wanted', async (t) => {
  await using town = await installed();
  const { run, publish, made, cwd } = town;
  const [old = ''] = idsIn(made);
  const prepared = ok(await run(['keys', 'identity']));
  t.is(idsIn(prepared).length, 2);
  t.is(idsIn(prepared)[0], old);
  t.regex(prepared, /nothing has changed yet\n/);
  t.deepEqual(idsIn(ok(await run(['domain', 'dns', 'alpha.test']))), idsIn(prepared));

  const early = await run(['keys', 'identity', 'alpha.test']);
  t.is(early.code, 1);
  t.regex(early.err, /does not show the next id[^]*--unchecked/);
  t.deepEqual(idsIn(ok(await run(['keys', 'identity', '--cancel']))), [old]);

  const [, next = ''] = idsIn(ok(await run(['keys', 'identity'])));
  publish(`v=beckon1; id=${old}; id=${next}`);
  const taken = ok(await run(['keys', 'identity']));
  t.deepEqual(idsIn(taken), [next]);
  t.true(taken.includes(`id:${next}`));
  const files = join(cwd, 'data', 'keys', 'alpha.test');
  const working = JSON.parse(await readFile(join(files, 'working.json'), 'utf8')) as {
    changes: string[];
    next?: object;
  };
  t.is(working.changes.length, 1);
  t.is(working.next, undefined);
  t.is((await stat(join(files, 'identity.json'))).mode & 0o777, 0o600);
});

test('an identity kept offline is changed with its file, and the next one goes to another', async (t) => {
  await using town = await installed();
  const { run, cwd } = town;
  ok(await run(['keys', 'export', '--identity', 'old.json']));
  const missing = await run(['keys', 'identity', '--to', 'new.json']);
  t.is(missing.code, 1);
  t.is((await run(['keys', 'identity', '--identity', 'old.json'])).code, 2, 'where to?');
  const [, next] = idsIn(ok(await run(['keys', 'identity', '--identity', 'old.json', '--to', 'new.json'])));
  t.is((await stat(join(cwd, 'new.json'))).mode & 0o777, 0o600);
  t.is((await run(['keys', 'identity', '--unchecked'])).code, 1, 'its key is not here');
  t.is((await run(['keys', 'identity', '--unchecked', '--identity', 'old.json'])).code, 2);
  const taken = ok(await run(['keys', 'identity', '--unchecked', '--identity', 'new.json', '--json']));
  t.like(JSON.parse(taken), { fingerprint: next, kept: 'offline' });
});

test('the next identity goes offline while the present one is here: nothing of either stays on the disk', async (t) => {
  await using town = await installed();
  const { run, cwd } = town;
  const [old = ''] = idsIn(town.made);
  ok(await run(['keys', 'identity', '--to', 'new.json']));
  const taken = ok(await run(['keys', 'identity', '--unchecked', '--identity', 'new.json', '--json']));
  t.like(JSON.parse(taken), { kept: 'offline' });
  t.deepEqual(await readdir(join(cwd, 'data', 'keys', 'alpha.test')), ['working.json']);
  await town.daemon.stop();
  await using again = await serve({ cwd });
  t.true(again.https > 0);
  t.false(ok(await run(['domain', 'dns', 'alpha.test'])).includes(old));
});

test('the recovery key is asked for, serves once, and names its successor', async (t) => {
  await using town = await installed();
  const { run, made } = town;
  const first = recoveryIn(made);
  const slip = await run(['keys', 'recovery'], `${first.slice(0, -1)}\n`);
  t.is(slip.code, 2);
  t.false(slip.err.includes(first.slice(20, 40)), 'what was typed is not repeated');
  t.is((await run(['keys', 'recovery'])).code, 2, 'nothing typed');

  const replaced = ok(await run(['keys', 'recovery'], `${first.toLowerCase()}\n`));
  const second = recoveryIn(replaced);
  t.not(second, first);
  const used = await run(['keys', 'identity', '--recovery'], `${first}\n`);
  t.is(used.code, 2);
  t.regex(used.err, /not the recovery key/);

  const prepared = ok(await run(['keys', 'identity', '--recovery'], `${second}\n`));
  const third = recoveryIn(prepared);
  t.true(third !== second && third !== '');
  t.is(idsIn(prepared).length, 2);
  const taken = ok(await run(['keys', 'identity', '--recovery', '--unchecked']));
  t.deepEqual(idsIn(taken), idsIn(prepared).slice(1));
  t.regex(taken, /without the old id[^]*beckon keys revoke/);
  t.is((await run(['keys', 'recovery'], `${second}\n`)).code, 2);
  ok(await run(['keys', 'recovery', '--json'], `${third}\n`));
});

test('a domain leaves and comes back', async (t) => {
  await using town = await installed();
  const { run, made } = town;
  const left = ok(await run(['domain', 'retire', 'alpha.test']));
  t.regex(txtIn(left), /; gone=[A-Za-z0-9_-]{92}$/);
  t.is(txtIn(ok(await run(['domain', 'dns', 'alpha.test']))), txtIn(left));
  t.is((await run(['keys', 'identity'])).code, 1, 'not now');
  const back = ok(await run(['domain', 'retire', 'alpha.test', '--back']));
  t.is(txtIn(back), txtIn(made));
});

test('a parent signs, with its daemon or with a file alone; the child shows it', async (t) => {
  await using town = await installed();
  const { run, made } = town;
  const [fingerprint = ''] = idsIn(made);
  ok(await run(['domain', 'add', 'dept.alpha.test']));
  const child = ok(await run(['domain', 'dns', 'dept.alpha.test']));
  const [childs = ''] = idsIn(child);
  const text = ok(await run(['domain', 'vouch', 'alpha.test', 'dept.alpha.test', `id:${childs}`])).trim();
  t.regex(text, /^beckon-parent:[A-Za-z0-9_-]+$/);
  t.regex(
    ok(await run(['domain', 'attach', 'dept.alpha.test', text])),
    /^alpha\.test vouches for dept\.alpha\.test until/,
  );

  t.is((await run(['domain', 'attach', 'alpha.test', text])).code, 1, 'for another');
  t.is((await run(['domain', 'attach', 'dept.alpha.test', 'nonsense'])).code, 2);
  t.is((await run(['domain', 'vouch', 'alpha.test', 'beta.test', `id:${fingerprint}`])).code, 2, 'no parent');
  t.is((await run(['domain', 'vouch', 'alpha.test', 'dept.alpha.test', 'id:short'])).code, 2);

  ok(await run(['keys', 'export', 'alpha.test', '--identity', 'parent.json']));
  t.is((await run(['domain', 'vouch', 'alpha.test', 'dept.alpha.test', `id:${childs}`])).code, 1, 'offline');
  const alone = [
    'domain',
    'vouch',
    'alpha.test',
    'dept.alpha.test',
    `id:${childs}`,
    '--identity',
    'parent.json',
  ];
  ok(await run(['domain', 'attach', 'dept.alpha.test', ok(await run(alone)).trim()]));
});
