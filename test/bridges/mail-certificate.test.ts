import test from 'ava';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMailCertificate } from '../../src/bridges/mail-certificate.ts';
import { createTestAuthority } from '../support/certificates.ts';

test('the certificate of the own name is taken, else the one for all, and a broken one is named', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'beckon-certificate-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const files = { directory, certificate: null, key: null };
  t.is(await loadMailCertificate(files, 'mx.here.test'), undefined);
  const authority = await createTestAuthority();
  const [own, other] = [await authority.issue(['mx.here.test']), await authority.issue(['*.test'])];
  const all = { certificate: join(directory, 'all.pem'), key: join(directory, 'all.key') };
  await t.throwsAsync(loadMailCertificate({ ...files, ...all }, 'mx.here.test'), { code: 'tls_failed' });
  await writeFile(all.certificate, other.cert);
  await writeFile(all.key, other.key);
  t.deepEqual(await loadMailCertificate({ ...files, ...all }, 'mx.here.test'), { ...other });
  await mkdir(join(directory, 'mx.here.test'));
  await writeFile(join(directory, 'mx.here.test', 'fullchain.pem'), own.cert);
  await t.throwsAsync(loadMailCertificate(files, 'mx.here.test'), { code: 'tls_failed' });
  await writeFile(join(directory, 'mx.here.test', 'privkey.pem'), own.key);
  t.deepEqual(await loadMailCertificate({ ...files, ...all }, 'mx.here.test'), { ...own });
  await writeFile(join(directory, 'mx.here.test', 'privkey.pem'), other.key);
  await t.throwsAsync(loadMailCertificate(files, 'mx.here.test'), { code: 'tls_failed' });
});
