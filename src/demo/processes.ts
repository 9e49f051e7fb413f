/** The commands and daemons of the demo: real processes, each ended by its own id whatever happens. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const binary = fileURLToPath(new URL('../../bin/beckon.js', import.meta.url));
/** What a daemon said last that is kept for a failure. */
const keptLines = 12;
/** A daemon finishes what is under way; then it is cut off. */
const stopMs = 10_000;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface DaemonProcess {
  readonly name: string;
  readonly pid: number;
  /** As the ready line tells. */
  readonly ports: { readonly https: number; readonly udp: number };
  /** Its log, the last lines. */
  lastLines(): readonly string[];
  stop(): Promise<void>;
}

export interface Processes {
  /** Runs one command to its end, with nothing on standard input. */
  run(args: readonly string[]): Promise<Ended>;
  /** Starts a daemon and waits until it is ready. Throws where it ends before. */
  serve(name: string, configFile: string): Promise<DaemonProcess>;
  /** The daemons that were started, for their logs. */
  daemons(): readonly Pick<DaemonProcess, 'name' | 'lastLines'>[];
  /** Ends all that still run, and waits for it. */
  close(): Promise<void>;
  /** The same at once, for the end of this process. */
  kill(): void;
}

export interface ProcessOptions {
  /** Where they run. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function createProcesses({ cwd, environment }: ProcessOptions): Processes {
  let closed = false;
  const running = new Map<ChildProcess, Promise<unknown>>();
  const daemons: Pick<DaemonProcess, 'name' | 'lastLines'>[] = [];

  function start(args: readonly string[]): ChildProcess {
    if (closed) throw new Error('the demo is over');
    const child = spawn(process.execPath, [binary, ...args], {
      cwd,
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'close').catch(() => undefined);
    running.set(child, ended);
    void ended.then(() => running.delete(child));
    return child;
  }

  async function stop(child: ChildProcess): Promise<void> {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await running.get(child);
    clearTimeout(late);
  }

  return {
    daemons: () => daemons,
    async run(args) {
      const child = start(args);
      const [out, err, [code]] = await Promise.all([
        textOf(child.stdout),
        textOf(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ]);
      return { code, out, err };
    },
    async serve(name, configFile) {
      const child = start(['serve', '--config', configFile]);
      const lines: string[] = [];
      child.stderr?.setEncoding('utf8');
      createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > keptLines) lines.shift();
      });
      child.once('exit', (code, signal) => lines.push(`(ended: ${signal ?? `exit code ${code}`})`));
      daemons.push({ name, lastLines: () => lines });
      const ended = running.get(child)?.then(() => undefined);
      const ready = await Promise.race([firstLine(child), ended]);
      if (ready === undefined) throw new Error(`the daemon of ${name} ended before it was ready`);
      const port = (kind: string): number => Number(new RegExp(`\\b${kind}=(\\d+)`).exec(ready)?.[1]);
      return {
        name,
        pid: child.pid ?? 0,
        ports: { https: port('https'), udp: port('udp') },
        lastLines: () => lines,
        stop: () => stop(child),
      };
    },
    async close() {
      closed = true;
      await Promise.all([...running.keys()].map(stop));
    },
    kill() {
      for (const child of running.keys()) child.kill('SIGKILL');
    },
  };
}

async function textOf(stream: ChildProcess['stdout']): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream ?? []) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces).toString('utf8');
}

/** The rest is read and dropped. */
function firstLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise((resolve) => lines.once('line', resolve));
}
