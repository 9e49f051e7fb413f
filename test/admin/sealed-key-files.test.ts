import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { adoptDomains } from '../../src/admin/adopt-domains.ts';
import { readIdentityFile, writeIdentityFile } from '../../src/admin/identity-file.ts';
import { initDomain } from '../../src/admin/init.ts';
import {
  loadDomainKeys,
  replaceWorkingKeys,
  rewriteKeyFiles,
  saveDomainKeys,
} from '../../src/admin/key-files.ts';
import { keySealer, readPassphrase, sealerOfFile } from '../../src/admin/key-sealer.ts';
import { decodeConfig } from '../../src/config.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { createTextSealer, isSealedText, type TextSealer } from '../../src/crypto/sealed-text.ts';
import { domainIdentityToJson, workingKeysToJson } from '../../src/keys/domain-key-file.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { opened } from '../store/fixture.ts';
import { testClock } from '../support/clock.ts';
import { testDirectory } from '../support/directory.ts';
import { rejected } from '../support/identities.ts';

const now = 1_800_000_000;
const cheap = { memory: 64, passes: 1 };
const sealerOf = (passphrase: string): TextSealer => createTextSealer(passphrase, random, cheap);
const { keys } = createDomainKeys('alpha.test', now, random);
const files = ['working.json', 'identity.json'].map((name) => join('keys/alpha.test', name));

async function texts(dir: string): Promise<readonly string[]> {
  return await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8')));
}

test('with a passphrase no key file shows anything, and all come back', async (t) => {
  await using dir = await testDirectory();
  await saveDomainKeys(dir.path, keys, sealerOf('word'));
  for (const [i, text] of (await texts(dir.path)).entries()) {
    t.true(isSealedText(text));
    t.false(text.includes('alpha.test'));
    t.is((await stat(join(dir.path, files[i]!))).mode & 0o777, 0o600);
  }
  const [loaded] = await loadDomainKeys(dir.path, sealerOf('word'));
  t.deepEqual(workingKeysToJson(loaded!), workingKeysToJson(keys));
  t.deepEqual(domainIdentityToJson(loaded!), domainIdentityToJson(keys));
  await replaceWorkingKeys(
    dir.path,
    { ...keys, progress: { days: 1, counted: 2, steady: 3 } },
    sealerOf('word'),
  );
  const [changed] = await loadDomainKeys(dir.path, sealerOf('word'));
  t.is(changed?.progress.counted, 2);
});

test('without the passphrase or with another the start fails, says why, and changes nothing', async (t) => {
  await using dir = await testDirectory();
  await saveDomainKeys(dir.path, keys, sealerOf('word'));
  const before = await texts(dir.path);
  const { store } = await opened(t);
  for (const [sealer, code] of [
    [undefined, 'config_invalid'],
    [sealerOf('other'), 'open_failed'],
  ] as const) {
    const error = await t.throwsAsync(adoptDomains(dir.path, createKeyRing(), store.domains, sealer), {
      code,
    });
    t.regex(error.message, /keys\/alpha\.test\/working\.json: /);
    t.deepEqual(await texts(dir.path), before);
  }
});

test('what is plain is encrypted at the start, once, and a wider mode is refused all the same', async (t) => {
  await using dir = await testDirectory();
  await saveDomainKeys(dir.path, keys);
  const { store } = await opened(t);
  const start = (): Promise<void> => adoptDomains(dir.path, createKeyRing(), store.domains, sealerOf('word'));
  await start();
  const sealed = await texts(dir.path);
  t.true(sealed.every(isSealedText));
  await start();
  t.deepEqual(await texts(dir.path), sealed);
  await chmod(join(dir.path, files[0]!), 0o640);
  t.is(await rejected(start()), 'config_invalid');
});

test('another passphrase, or none: broken off in the middle it can be repeated', async (t) => {
  await using dir = await testDirectory();
  const [first, second] = [sealerOf('first'), sealerOf('second')];
  await saveDomainKeys(dir.path, keys, first);
  const before = await texts(dir.path);
  t.is(await rewriteKeyFiles(dir.path, { from: first, to: second }), 2);
  t.is((await loadDomainKeys(dir.path, second)).length, 1);
  // Only one file was written before it broke off.
  await writeFile(join(dir.path, files[1]!), before[1]!);
  t.is(await rewriteKeyFiles(dir.path, { from: first, to: second }), 1);
  t.is(await rewriteKeyFiles(dir.path, { from: first, to: second }), 0);
  t.is(await rejected(rewriteKeyFiles(dir.path, { from: first, to: sealerOf('third') })), 'open_failed');
  t.is(await rejected(rewriteKeyFiles(dir.path, {})), 'config_invalid');
  t.is(await rewriteKeyFiles(dir.path, { from: second }), 2);
  t.deepEqual(workingKeysToJson((await loadDomainKeys(dir.path))[0]!), workingKeysToJson(keys));
});

test('a passphrase is the first line of a file that others cannot read', async (t) => {
  await using dir = await testDirectory();
  const path = join(dir.path, 'passphrase');
  await writeFile(path, 'correct horse\r\nmore\n', { mode: 0o600 });
  t.is(await readPassphrase(path), 'correct horse');
  // systemd shows the access list of a credential as group bits.
  for (const mode of [0o400, 0o440, 0o640]) {
    await chmod(path, mode);
    t.is(await rejected(readPassphrase(path)), 'no error', mode.toString(8));
  }
  for (const mode of [0o644, 0o604, 0o660, 0o602, 0o601]) {
    await chmod(path, mode);
    t.is(await rejected(readPassphrase(path)), 'config_invalid', mode.toString(8));
  }
  await rm(path);
  for (const content of ['', '\nsecond line', 'x'.repeat(5000)]) {
    await writeFile(path, content, { mode: 0o600 });
    t.is(await rejected(readPassphrase(path)), 'config_invalid');
    await rm(path);
  }
  t.is(await rejected(readPassphrase(path)), 'config_invalid');
});

test('an installation with a passphrase has encrypted keys from its first minute', async (t) => {
  await using dir = await testDirectory();
  const passphrase = join(dir.path, 'passphrase');
  await writeFile(passphrase, 'word\n', { mode: 0o600 });
  const values = { host: 'post.test', data: dir.path, 'keys.passphrase_file': passphrase };
  const configFile = join(dir.path, 'beckon.toml');
  const { config } = await initDomain(
    { domain: 'alpha.test', configFile, values },
    { environment: {}, clock: testClock(), random },
  );
  t.true((await texts(dir.path)).every(isSealedText));
  t.is((await loadDomainKeys(dir.path, await keySealer(config, random))).length, 1);
  // The environment says it too: where a service manager hands the file over.
  const environment = { BECKON_KEYS_PASSPHRASE_FILE: passphrase };
  const plain = decodeConfig(`host = "post.test"\ndata = "${dir.path}"`, environment);
  t.is((await loadDomainKeys(dir.path, await keySealer(plain, random))).length, 1);
  t.is(await keySealer(decodeConfig('host = "post.test"'), random), undefined);
});

test('an identity key in a file of its own: plain or encrypted, for its owner alone, never overwritten', async (t) => {
  await using dir = await testDirectory();
  const identity = domainIdentityToJson(keys);
  const [plain, sealed] = [join(dir.path, 'plain.json'), join(dir.path, 'sealed.json')];
  await writeIdentityFile(plain, identity, random);
  await writeIdentityFile(sealed, identity, random, 'word');
  t.deepEqual(await readIdentityFile(plain), identity);
  t.deepEqual(await readIdentityFile(sealed, 'word'), identity);
  t.false((await readFile(sealed, 'utf8')).includes(identity.key.secret));
  t.is(await rejected(writeIdentityFile(plain, identity, random)), 'exists');
  t.is(await rejected(readIdentityFile(sealed)), 'usage');
  t.is(await rejected(readIdentityFile(sealed, 'other')), 'open_failed');
  t.is(await rejected(readIdentityFile(join(dir.path, 'none'))), 'not_found');
  await chmod(plain, 0o644);
  t.is(await rejected(readIdentityFile(plain)), 'config_invalid');
  await chmod(plain, 0o600);
  await writeFile(plain, 'secret');
  const error = await t.throwsAsync(readIdentityFile(plain), { code: 'state_invalid' });
  t.false(error.message.includes('secret'));
  const passphrase = join(dir.path, 'passphrase');
  await writeFile(passphrase, 'word\n', { mode: 0o600 });
  const sealer = await sealerOfFile(passphrase, random);
  t.deepEqual(JSON.parse(await sealer.open(await readFile(sealed, 'utf8'))), identity);
});
