/** Daemons as processes of their own, which can be killed. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { start } from '../cli/beckon.ts';
import type { RunDaemon, RunningDaemon } from '../network/hoster.ts';

export interface Processes {
  readonly run: RunDaemon;
  /** Lines that daemons wrote to standard error. */
  readonly logged: readonly string[];
  /** Who starts from now on has a clock that is so many seconds ahead. */
  putAhead(seconds: number): void;
}

/** Daemons as `beckon serve` starts them. */
export function createProcesses(): Processes {
  const logged: string[] = [];
  let seconds = 0;
  const run: RunDaemon = (configFile, environment) =>
    runProcess(configFile, { ...environment, ...environmentAhead(seconds) }, logged);
  return { run, logged, putAhead: (ahead) => void (seconds = ahead) };
}

function environmentAhead(seconds: number): Record<string, string> {
  if (seconds === 0) return {};
  const preload = new URL('ahead.ts', import.meta.url).href;
  return { NODE_OPTIONS: `--import=${preload}`, BECKON_TEST_AHEAD: String(seconds) };
}

async function runProcess(
  configFile: string,
  env: Readonly<Record<string, string>>,
  logged: string[],
): Promise<RunningDaemon> {
  const child = start(['serve', '--config', configFile], { cwd: dirname(configFile), env });
  child.stdin?.end();
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', (line) => logged.push(line));
  const ready = await Promise.race([
    firstLine(child),
    closed.then(([code]) => Promise.reject(new Error(`the daemon ended with ${code}: ${logged.join('\n')}`))),
  ]);
  const port = (name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(ready)?.[1]);
  return {
    https: port('https'),
    udp: port('udp'),
    smtp: port('smtp'),
    async stop() {
      child.kill('SIGTERM');
      const [code] = await closed;
      if (code !== 0) throw new Error(`the daemon ended with ${code}: ${logged.join('\n')}`);
    },
    async kill() {
      child.kill('SIGKILL');
      const [, signal] = await closed;
      if (signal !== 'SIGKILL') throw new Error(`the daemon ended by itself: ${logged.join('\n')}`);
    },
    catchUp: async () => Promise.reject(new Error('the clock of a process cannot be moved')),
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line;
  return await new Promise(() => {});
}
