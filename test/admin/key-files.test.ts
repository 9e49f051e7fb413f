import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { loadDomainKeys, saveDomainKeys } from '../../src/admin/key-files.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { BeckonError } from '../../src/errors.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { testDirectory } from '../support/directory.ts';

const now = 1_800_000_000;

function freshKeys(domain: string) {
  return createDomainKeys(domain, now, systemRandom).keys;
}

async function mode(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

test('keys come back as they were saved, by domain name', async (t) => {
  await using dir = await testDirectory();
  const [beta, alpha] = [freshKeys('beta.test'), freshKeys('alpha.test')];
  await saveDomainKeys(dir.path, beta);
  await saveDomainKeys(dir.path, alpha);
  const loaded = await loadDomainKeys(dir.path);
  t.deepEqual(
    loaded.map(({ domain }) => domain),
    ['alpha.test', 'beta.test'],
  );
  t.deepEqual(loaded[0]?.fingerprint, alpha.fingerprint);
  t.deepEqual(loaded[0]?.mandate, alpha.mandate);
  t.true(loaded[0]?.identity?.secret.equals(alpha.identity?.secret.expose() ?? new Uint8Array()));
  t.deepEqual(
    loaded[0]?.keys.map(({ id }) => id),
    alpha.keys.map(({ id }) => id),
  );
});

test('files and directories are their owner’s alone', async (t) => {
  await using dir = await testDirectory();
  await saveDomainKeys(dir.path, freshKeys('alpha.test'));
  const own = join(dir.path, 'keys', 'alpha.test');
  t.is(await mode(join(dir.path, 'keys')), 0o700);
  t.is(await mode(own), 0o700);
  t.is(await mode(join(own, 'working.json')), 0o600);
  t.is(await mode(join(own, 'identity.json')), 0o600);
});

test('keys are never overwritten', async (t) => {
  await using dir = await testDirectory();
  const first = freshKeys('alpha.test');
  await saveDomainKeys(dir.path, first);
  const error = await t.throwsAsync(saveDomainKeys(dir.path, freshKeys('alpha.test')), {
    instanceOf: BeckonError,
  });
  t.is(error.code, 'exists');
  t.deepEqual((await loadDomainKeys(dir.path))[0]?.fingerprint, first.fingerprint);
  t.deepEqual(await readdir(join(dir.path, 'keys')), ['alpha.test']);
});

test('of savers at the same time one wins, whole', async (t) => {
  await using dir = await testDirectory();
  const rivals = Array.from({ length: 8 }, () => freshKeys('alpha.test'));
  const outcomes = await Promise.allSettled(rivals.map((keys) => saveDomainKeys(dir.path, keys)));
  const codes = outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? 'saved' : (outcome.reason as BeckonError).code,
  );
  t.is(codes.filter((code) => code === 'saved').length, 1);
  t.is(codes.filter((code) => code === 'exists').length, 7);
  t.deepEqual((await loadDomainKeys(dir.path))[0]?.fingerprint, rivals[codes.indexOf('saved')]?.fingerprint);
  t.deepEqual(await readdir(join(dir.path, 'keys')), ['alpha.test']);
});

test('without keys there are none', async (t) => {
  await using dir = await testDirectory();
  t.deepEqual(await loadDomainKeys(join(dir.path, 'nowhere')), []);
});

test('the identity key may be elsewhere, and a half-made domain is no domain', async (t) => {
  await using dir = await testDirectory();
  await saveDomainKeys(dir.path, freshKeys('alpha.test'));
  await rm(join(dir.path, 'keys/alpha.test/identity.json'));
  await mkdir(join(dir.path, 'keys/.new-crashed'));
  const loaded = await loadDomainKeys(dir.path);
  t.is(loaded.length, 1);
  t.is(loaded[0]?.identity, undefined);
});

for (const file of ['working.json', 'identity.json'])
  for (const wide of [0o640, 0o604, 0o620, 0o644, 0o601])
    test(`${file} that others may open is refused: ${wide.toString(8)}`, async (t) => {
      await using dir = await testDirectory();
      await saveDomainKeys(dir.path, freshKeys('alpha.test'));
      const path = join(dir.path, 'keys/alpha.test', file);
      await chmod(path, wide);
      const error = await t.throwsAsync(loadDomainKeys(dir.path), { instanceOf: BeckonError });
      t.is(error.code, 'config_invalid');
      t.true(error.message.includes(path));
    });

const damages: Record<string, (text: string) => string> = {
  empty: () => '',
  cut: (text) => text.slice(0, -20),
  'not JSON': () => 'secret',
  'an unknown field': (text) => text.replace('{', '{"extra": 1,'),
  'another format': (text) => text.replace(/beckon-domain-[a-z]+-1/, 'beckon-domain-keys-9'),
  'another domain': (text) => text.replace('alpha.test', 'gamma.test'),
  'too large': (text) => text + ' '.repeat(1 << 20),
  'a short secret': (text) => text.replace(/"secret": "..../, '"secret": "'),
};

for (const file of ['working.json', 'identity.json'])
  for (const [name, damage] of Object.entries(damages))
    test(`a damaged ${file} is named and not quoted: ${name}`, async (t) => {
      await using dir = await testDirectory();
      await saveDomainKeys(dir.path, freshKeys('alpha.test'));
      const path = join(dir.path, 'keys/alpha.test', file);
      const text = await readFile(path, 'utf8');
      await writeFile(path, damage(text));
      const error = await t.throwsAsync(loadDomainKeys(dir.path), { instanceOf: BeckonError });
      t.is(error.code, 'state_invalid');
      t.true(error.message.includes(path));
      const secret = /"secret": "(.*?)"/.exec(text)?.[1] ?? '';
      t.true(secret.length > 40);
      t.false(`${error.stack} ${String(error.cause)}`.includes(secret.slice(0, 16)));
    });

test('the directory must bear the name of the domain', async (t) => {
  await using dir = await testDirectory();
  await saveDomainKeys(dir.path, freshKeys('alpha.test'));
  await rename(join(dir.path, 'keys/alpha.test'), join(dir.path, 'keys/beta.test'));
  const error = await t.throwsAsync(loadDomainKeys(dir.path), { instanceOf: BeckonError });
  t.is(error.code, 'state_invalid');
});

test('a domain without its working keys stops the start', async (t) => {
  await using dir = await testDirectory();
  await mkdir(join(dir.path, 'keys/alpha.test'), { recursive: true });
  const error = await t.throwsAsync(loadDomainKeys(dir.path), { instanceOf: BeckonError });
  t.is(error.code, 'state_invalid');
});

test('what is no domain name reaches no file', async (t) => {
  await using dir = await testDirectory();
  const keys = freshKeys('alpha.test');
  for (const domain of ['../x.test', 'a/b.test', '..', '.', 'alpha', '']) {
    const error = await t.throwsAsync(saveDomainKeys(dir.path, { ...keys, domain }), {
      instanceOf: BeckonError,
    });
    t.is(error.code, 'domain_invalid');
  }
  t.deepEqual(await readdir(dir.path), []);
});
