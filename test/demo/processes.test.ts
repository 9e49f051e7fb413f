import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createProcesses } from '../../src/demo/processes.ts';
import { testDirectory } from '../support/directory.ts';

test('a command gives its output and exit code', async (t) => {
  await using directory = await testDirectory();
  const processes = createProcesses({ cwd: directory.path, environment: process.env });
  t.like(await processes.run(['status', '--config', 'none.toml']), { code: 2, out: '' });
  const { code, out } = await processes.run(['--version']);
  t.is(code, 0);
  t.regex(out, /^\d+\.\d+\.\d+\n$/);
  await processes.close();
  await t.throwsAsync(processes.run(['--version']), { message: 'the demo is over' });
});

test('a daemon that cannot start leaves its last words', async (t) => {
  await using directory = await testDirectory();
  const configFile = join(directory.path, 'beckon.toml');
  await writeFile(configFile, 'nonsense = 1\n');
  const processes = createProcesses({ cwd: directory.path, environment: process.env });
  await t.throwsAsync(processes.serve('alpha.test', configFile), { message: /alpha\.test ended before/ });
  const [daemon] = processes.daemons();
  t.is(daemon?.name, 'alpha.test');
  t.regex(daemon?.lastLines().join('\n') ?? '', /config_invalid/);
  await processes.close();
});
