/** The demo as users start it. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Of the user's own installation: they must not reach the demo's. */
const foreign = { BECKON_LISTEN_HTTPS: 'nonsense', BECKON_DATA: '/nowhere', BECKON_RESOLVERS: 'nonsense' };

export interface Outcome {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly err: string;
}

/** `npm run demo -- FILES` in `cwd`; `until` ends it at a line that contains this. */
export async function demo(cwd: string, files: readonly string[], until?: string): Promise<Outcome> {
  const child = spawn(process.execPath, [join(root, 'bin/beckon.js'), 'demo', ...files], {
    cwd: root,
    env: {
      ...process.env,
      ...foreign,
      TMPDIR: cwd,
      INIT_CWD: cwd,
      npm_package_json: join(root, 'package.json'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    if (until !== undefined && out.includes(until)) child.kill('SIGINT');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines: out.trimEnd().split('\n'), err };
}

/** As the demo's last lines do. */
export async function described(path: string): Promise<string> {
  const bytes = await readFile(path);
  return `${createHash('sha256').update(bytes).digest('hex')} ${bytes.length}`;
}

/** Neither files nor processes. */
export async function nothingLeft(t: ExecutionContext, cwd: string, { lines }: Outcome): Promise<void> {
  t.deepEqual(
    (await readdir(cwd)).filter((name) => name.startsWith('beckon-demo-')),
    [],
  );
  const daemons = lines.flatMap((line) => /process (\d+)/.exec(line)?.slice(1) ?? []);
  t.is(daemons.length, 2);
  for (const pid of daemons) t.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
}
