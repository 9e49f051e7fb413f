import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { certificateLines } from '../../src/cli/certificate-line.ts';
import { decodeConfig } from '../../src/config.ts';
import { testDirectory } from '../support/directory.ts';

test('a certificate is asked for where the daemon will look and find none', async (t) => {
  await using dir = await testDirectory();
  const config = decodeConfig(`host = "post.example.net"\ntls.directory = "${dir.path}"`);
  const [line] = await certificateLines(config, 'alpha.test');
  t.true(line?.includes(join(dir.path, 'beckon.alpha.test')));
  await mkdir(join(dir.path, 'beckon.alpha.test'));
  await writeFile(join(dir.path, 'beckon.alpha.test', 'fullchain.pem'), '');
  t.deepEqual(await certificateLines(config, 'alpha.test'), []);
  const proxied = decodeConfig('host = "post.example.net"\nlisten.https = "127.0.0.1:1"\ntls.mode = "proxy"');
  t.deepEqual(await certificateLines(proxied, 'alpha.test'), []);
});
