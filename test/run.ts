/**
 * Runs the tests and ends with their count, alone on a line: `N passed, N failed, N skipped`.
 *
 *   node test/run.ts [AVA ARGUMENTS...]          everything but the peers tests
 *   node test/run.ts peers [AVA ARGUMENTS...]    test/peers: real servers, long runs
 *
 * 1. start AVA with machine-readable output (TAP), its errors straight to ours
 * 2. show each test as it ends, count it
 * 3. show the failures again, then the count
 *
 * Exits non-zero when a test failed, when AVA did, or when nothing ran although there are test files.
 */
import { spawn } from 'node:child_process';
import { chmodSync, globSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compileCache = fileURLToPath(new URL('../node_modules/.cache/beckon-test', import.meta.url));
const ava = fileURLToPath(new URL('../node_modules/.bin/ava', import.meta.url));
const [suite, ...rest] = process.argv.slice(2);
const peers = suite === 'peers';
const avaArguments = peers ? ['--config', 'ava.peers.config.js', ...rest] : process.argv.slice(2);

const memory = '/dev/shm';
const enough = 2 ** 32;

const count = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

if (peers && globSync('test/peers/**/*.test.ts', { cwd: root }).length === 0) {
  console.log('no peers tests yet');
} else {
  const exitCode = await run();
  if (exitCode !== 0 && count.failed === 0) count.failed = 1;
  if (failures.length > 0) console.log(`\nFailures\n\n${failures.join('\n')}`);
  if (count.passed + count.failed === 0) {
    console.error('no test ran');
    process.exitCode = 1;
  }
}
if (count.failed > 0) process.exitCode = 1;
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);

async function run(): Promise<number> {
  const temporary = mkdtempSync(join(temporaryPlace(), 'beckon-run-'));
  // Real mail servers work as users of their own: they pass through, and see no names.
  chmodSync(temporary, 0o711);
  process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
  return await runIn(temporary);
}

/**
 * Memory, where there is enough: the tests wait for the disk thousands of times. What becomes of a disk that fails, or when the power
 * goes, is the subject of the peers tests.
 */
function temporaryPlace(): string {
  try {
    const { bavail, bsize } = statfsSync(memory);
    if (!peers && bavail * bsize > enough && process.availableMemory() > enough) return memory;
  } catch {
    // a system without it
  }
  return tmpdir();
}

async function runIn(temporary: string): Promise<number> {
  const child = spawn(process.execPath, [ava, '--tap', ...avaArguments], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    // Every test file is a process of its own: they compile the sources once instead of two hundred times.
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache, TMPDIR: temporary },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
  let inFailure = false;
  for await (const line of createInterface({ input: child.stdout })) {
    inFailure = show(line, inFailure);
  }
  return ended;
}

/** Shows and counts one line of TAP; true while it belongs to a failure, whose logs and indented details stand below it. */
function show(line: string, inFailure: boolean): boolean {
  const test = /^(not )?ok \d+ - (.*?)( # (?:SKIP|TODO).*)?$/i.exec(line);
  if (test === null) {
    if (inFailure && line.startsWith(' ')) failures.push(line);
    else if (line.startsWith('# ') && !/^# (tests|pass|fail|skip|todo)\b/.test(line))
      console.log(`  ${line}`);
    // What the test logged stands between its title and the details.
    return inFailure && /^[ #]/.test(line);
  }
  const [, not, title, directive] = test;
  const outcome = directive !== undefined ? 'skipped' : not === undefined ? 'passed' : 'failed';
  count[outcome]++;
  console.log(`  ${{ passed: '✔', failed: '✘', skipped: '-' }[outcome]} ${title}`);
  if (outcome === 'failed') failures.push(`  ✘ ${title}`);
  return outcome === 'failed';
}
