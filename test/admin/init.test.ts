import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { addDomain, initDomain } from '../../src/admin/init.ts';
import { loadDomainKeys } from '../../src/admin/key-files.ts';
import { mailRemark } from '../../src/admin/mail-remark.ts';
import { loadConfig } from '../../src/config.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { ed25519Public } from '../../src/crypto/sign.ts';
import { createDiscover } from '../../src/dns/discover.ts';
import { BeckonError } from '../../src/errors.ts';
import { recoveryHash } from '../../src/keys/fingerprints.ts';
import { parseRecoveryKey } from '../../src/keys/recovery-key.ts';
import { testClock } from '../support/clock.ts';
import { testDirectory } from '../support/directory.ts';
import { startDns } from '../support/dns-server.ts';

const parts = { environment: {}, clock: testClock(), random: systemRandom };

function options(dir: string, domain = 'example.org') {
  return {
    domain,
    configFile: join(dir, 'beckon.toml'),
    values: { host: 'post.hoster.net', data: join(dir, 'data'), contact: 'abuse@hoster.net' },
  };
}

test('init writes a configuration that the daemon reads, and the keys', async (t) => {
  await using dir = await testDirectory();
  const outcome = await initDomain(options(dir.path), parts);
  const config = loadConfig(join(dir.path, 'beckon.toml'), {});
  t.is(config.host, 'post.hoster.net');
  t.is(config.contact, 'abuse@hoster.net');
  t.is(config.data, join(dir.path, 'data'));
  const [keys] = await loadDomainKeys(config.data);
  t.is(keys?.domain, 'example.org');
  const recovery = parseRecoveryKey(outcome.recoveryKey);
  t.deepEqual(keys?.recoveryHash, recoveryHash(ed25519Public(recovery.expose())));
});

test('what is not chosen stands in the file as a comment', async (t) => {
  await using dir = await testDirectory();
  await initDomain(options(dir.path), parts);
  const text = await readFile(join(dir.path, 'beckon.toml'), 'utf8');
  t.regex(text, /^host = "post\.hoster\.net"$/m);
  t.regex(text, /^# https = ":443"$/m);
  t.regex(text, /^# transit = "14d"$/m);
});

test('no secret is written anywhere but in the key files', async (t) => {
  await using dir = await testDirectory();
  const { recoveryKey } = await initDomain(options(dir.path), parts);
  const files = (await readdir(dir.path, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  t.deepEqual(files.map(({ name }) => name).sort(), ['beckon.toml', 'identity.json', 'working.json']);
  for (const { parentPath, name } of files) {
    const text = await readFile(join(parentPath, name), 'utf8');
    t.false(text.includes(recoveryKey));
    t.is(text.includes('"secret"'), name !== 'beckon.toml');
  }
});

test('the records it shows make the domain native', async (t) => {
  await using dir = await testDirectory();
  const { dns } = await initDomain(options(dir.path), parts);
  const [keys] = await loadDomainKeys(join(dir.path, 'data'));
  t.deepEqual(
    dns.map(({ name, type }) => `${type} ${name}`),
    [
      'SRV _beckon._tcp.example.org',
      'SRV _beckon._udp.example.org',
      'TXT _beckon.example.org',
      'CNAME beckon.example.org',
    ],
  );
  const value = (type: string): string => dns.find((line) => line.type === type)?.value ?? '';
  await using server = await startDns([
    {
      type: 'SRV',
      name: '_beckon._tcp.example.org',
      priority: 0,
      weight: 0,
      port: 443,
      target: 'post.hoster.net',
    },
    { type: 'TXT', name: '_beckon.example.org', text: value('TXT').replaceAll('"', '') },
  ]);
  const found = await createDiscover(server.resolver).discoverDomain('example.org');
  t.is(found.kind, 'native');
  t.deepEqual(found.kind === 'native' && found.fingerprints, [keys?.fingerprint]);
  t.is(value('SRV'), '0 0 443 post.hoster.net.');
});

test('an existing configuration stays, and no keys are made', async (t) => {
  await using dir = await testDirectory();
  await writeFile(join(dir.path, 'beckon.toml'), 'host = "other.test"\n');
  const error = await t.throwsAsync(initDomain(options(dir.path), parts), { instanceOf: BeckonError });
  t.is(error.code, 'exists');
  t.is(await readFile(join(dir.path, 'beckon.toml'), 'utf8'), 'host = "other.test"\n');
  t.deepEqual(await readdir(dir.path), ['beckon.toml']);
});

test('existing keys stay, and no configuration is made', async (t) => {
  await using dir = await testDirectory();
  await initDomain(options(dir.path), parts);
  const [before] = await loadDomainKeys(join(dir.path, 'data'));
  const again = { ...options(dir.path), configFile: join(dir.path, 'second.toml') };
  const error = await t.throwsAsync(initDomain(again, parts), { instanceOf: BeckonError });
  t.is(error.code, 'exists');
  t.false((await readdir(dir.path)).includes('second.toml'));
  t.deepEqual((await loadDomainKeys(join(dir.path, 'data')))[0]?.fingerprint, before?.fingerprint);
});

test('where the keys cannot be written, nothing is left', async (t) => {
  await using dir = await testDirectory();
  await writeFile(join(dir.path, 'file'), '');
  const { values, ...rest } = options(dir.path);
  const broken = { ...rest, values: { ...values, data: join(dir.path, 'file', 'below') } };
  const error = await t.throwsAsync(initDomain(broken, parts), { instanceOf: BeckonError });
  t.is(error.code, 'storage_failed');
  t.deepEqual(await readdir(dir.path), ['file']);
});

test('a configuration that could not start is refused before anything is written', async (t) => {
  await using dir = await testDirectory();
  const { values, ...rest } = options(dir.path);
  for (const wrong of [{ host: 'no host' }, { 'listen.https': ':70000' }, { 'tls.mode': 'none' }]) {
    const error = await t.throwsAsync(initDomain({ ...rest, values: { ...values, ...wrong } }, parts), {
      instanceOf: BeckonError,
    });
    t.is(error.code, 'config_invalid');
  }
  t.deepEqual(await readdir(dir.path), []);
});

test('a further domain joins the same data directory', async (t) => {
  await using dir = await testDirectory();
  const { config } = await initDomain(options(dir.path), parts);
  await addDomain(config, 'second.test', parts);
  const error = await t.throwsAsync(addDomain(config, 'second.test', parts), { instanceOf: BeckonError });
  t.is(error.code, 'exists');
  t.deepEqual(
    (await loadDomainKeys(config.data)).map(({ domain }) => domain),
    ['example.org', 'second.test'],
  );
});

test('a data directory is made for its owner alone; one that is there keeps its mode', async (t) => {
  await using dir = await testDirectory();
  await initDomain(options(dir.path), parts);
  t.is((await stat(join(dir.path, 'data'))).mode & 0o777, 0o700);
});

test('the remark on mail says nothing that it could not find out', async (t) => {
  await using server = await startDns([
    { type: 'MX', name: 'mail.test', priority: 20, exchange: 'second.hoster.net' },
    { type: 'MX', name: 'mail.test', priority: 10, exchange: 'mx.hoster.net' },
    { type: 'MX', name: 'null.test', priority: 0, exchange: '' },
    { type: 'A', name: 'plain.test', address: '127.0.0.1' },
  ]);
  server.fail('broken.test', 'servfail');
  const remark = (domain: string) => mailRemark(server.resolver, domain);
  t.deepEqual(await remark('mail.test'), { kind: 'mail', exchange: 'mx.hoster.net' });
  t.deepEqual(await remark('null.test'), { kind: 'no-mail' });
  t.deepEqual(await remark('absent.test'), { kind: 'no-mail' });
  t.is(await remark('plain.test'), undefined);
  t.is(await remark('broken.test'), undefined);
});
