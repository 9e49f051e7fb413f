import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('..', import.meta.url));

test('passes, failures and skips are counted, and a failure is the exit code', (t) => {
  const { status, lines } = run({
    'test/a.test.ts':
      "test('one', (t) => t.pass()); test('two', (t) => t.pass()); test.skip('three', (t) => t.pass());",
    'test/sub/b.test.ts': "test('four', (t) => { t.log('so far'); t.is(1, 2); }); test.todo('five');",
    'test/peers/c.test.ts': "test('six', (t) => t.fail());",
  });
  t.is(status, 1);
  t.is(lines.at(-1), '2 passed, 1 failed, 2 skipped');
  t.true(lines.some((line) => line.includes('✘') && line.includes('four')));
  t.true(
    lines.some((line) => line.includes('Difference')),
    'details of a failure, also where the test logged',
  );
});

test('all is well when all passes', (t) => {
  const { status, lines } = run({ 'test/a.test.ts': "test('one', (t) => t.pass());" });
  t.is(status, 0);
  t.is(lines.at(-1), '1 passed, 0 failed, 0 skipped');
});

test('no test at all is a failure, but for an empty peers folder', (t) => {
  t.not(run({}).status, 0);
  t.not(run({ 'test/a.test.ts': '' }).status, 0);
  t.not(run({ 'test/peers/a.test.ts': '' }, ['peers']).status, 0);
  const peers = run({}, ['peers']);
  t.is(peers.status, 0);
  t.is(peers.lines.at(-1), '0 passed, 0 failed, 0 skipped');
});

test('a test file that dies is a failure', (t) => {
  const { status, lines } = run({
    'test/a.test.ts': "test('one', (t) => t.pass());",
    'test/b.test.ts': "test('two', () => process.kill(process.pid, 'SIGKILL'));",
    'test/c.test.ts': "throw new Error('on loading');",
  });
  t.not(status, 0);
  t.regex(lines.at(-1) ?? '', /^1 passed, [1-9]\d* failed, 0 skipped$/);
});

test('the peers tests run alone', (t) => {
  const files = {
    'test/a.test.ts': "test('one', (t) => t.fail());",
    'test/peers/b.test.ts': "test('two', (t) => t.pass());",
  };
  t.is(run(files, ['peers']).lines.at(-1), '1 passed, 0 failed, 0 skipped');
});

/** Runs test/run.ts in a project of planted tests; gives its exit code and the lines it printed. */
function run(files: Record<string, string>, args: string[] = []): { status: number | null; lines: string[] } {
  const project = mkdtempSync(join(tmpdir(), 'beckon-run-'));
  try {
    for (const path of ['ava.config.js', 'ava.peers.config.js', 'package.json', 'test/run.ts']) {
      cpSync(join(root, path), join(project, path));
    }
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(project, path)), { recursive: true });
      writeFileSync(join(project, path), `import test from 'ava';\n${text}\n`);
    }
    const { status, stdout } = spawnSync(process.execPath, ['test/run.ts', ...args], {
      cwd: project,
      encoding: 'utf8',
    });
    return { status, lines: stdout.trim().split('\n') };
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}
