/** The real binary as a child process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Compiled once, not once for each of the many processes. */
const compileCache = fileURLToPath(new URL('../../node_modules/.cache/beckon-test', import.meta.url));
const binary = fileURLToPath(new URL('../../bin/beckon.js', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

/** Runs one command to its end. */
export async function beckon(args: readonly string[], options: RunOptions): Promise<Run> {
  const child = start(args, options);
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  const output = [collect(child, 'stdout'), collect(child, 'stderr')] as const;
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: await output[0], err: await output[1] };
}

export interface Running {
  /** The ports of the ready line. */
  readonly https: number;
  readonly udp: number;
  stop(): Promise<number | null>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `beckon serve`, until it says that it is ready. */
export async function serve(options: RunOptions): Promise<Running> {
  const child = start(['serve'], options);
  child.stdin?.end();
  const errors = collect(child, 'stderr');
  const closed = once(child, 'close') as Promise<[number | null]>;
  const ready = await Promise.race([
    firstLine(child),
    closed.then(async ([code]) => Promise.reject(new Error(`ended with ${code}: ${await errors}`))),
  ]);
  const port = (name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(ready)?.[1]);
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return (await closed)[0];
  };
  return {
    https: port('https'),
    udp: port('udp'),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** A command under way. */
export function start(args: readonly string[], { cwd, env = {} }: RunOptions): ChildProcess {
  const { PATH = '', NODE_ENV = 'test' } = process.env;
  return spawn(process.execPath, [binary, ...args], {
    cwd,
    env: { PATH, NODE_ENV, NODE_COMPILE_CACHE: compileCache, HOME: cwd, TZ: 'UTC', ...env },
    stdio: 'pipe',
  });
}

async function collect(child: ChildProcess, name: 'stdout' | 'stderr'): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of child[name] as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line;
  return await new Promise(() => {});
}
