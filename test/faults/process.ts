/** Daemons as processes of their own, which can be killed. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
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
  /** The daemon of this configuration dies at its nth step from now on (`dying.ts`); 0: it lives. */
  dieAt(configFile: string, step: number): Promise<void>;
  /** Whether it died since it was started last. */
  isDead(configFile: string): boolean;
}

/** Daemons as `beckon serve` starts them. `mortal`: those that `dieAt` speaks to. */
export function createProcesses({ mortal = false } = {}): Processes {
  const logged: string[] = [];
  const children = new Map<string, ChildProcess>();
  let seconds = 0;
  const run: RunDaemon = (configFile, environment) =>
    runProcess(
      configFile,
      { ...environment, ...environmentOf(configFile, seconds, mortal) },
      logged,
      (child) => children.set(configFile, child),
    );
  return {
    run,
    logged,
    putAhead: (ahead) => void (seconds = ahead),
    dieAt: (configFile, step) => writeFile(lastStepOf(configFile), String(step)),
    isDead: (configFile) => children.get(configFile)?.signalCode === 'SIGKILL',
  };
}

function environmentOf(configFile: string, seconds: number, mortal: boolean): Record<string, string> {
  const preloads = [...(mortal ? ['dying.ts'] : []), ...(seconds === 0 ? [] : ['ahead.ts'])];
  if (preloads.length === 0) return {};
  const options = preloads.map((name) => `--import=${new URL(name, import.meta.url).href}`).join(' ');
  return {
    NODE_OPTIONS: options,
    BECKON_TEST_DIE: lastStepOf(configFile),
    BECKON_TEST_AHEAD: String(seconds),
  };
}

function lastStepOf(configFile: string): string {
  return `${configFile}.die`;
}

async function runProcess(
  configFile: string,
  env: Readonly<Record<string, string>>,
  logged: string[],
  begun: (child: ChildProcess) => void,
): Promise<RunningDaemon> {
  const child = start(['serve', '--config', configFile], { cwd: dirname(configFile), env });
  begun(child);
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
