/** A real server as a child process on loopback, from a package that test/peers/packages.txt lists. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { setTimeout } from 'node:timers/promises';

/** Daemons live where a user's PATH may not lead. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

export interface ServerProcess {
  /** Throws, with the end of its log, where it has ended by itself. */
  check(): Promise<void>;
  /** Ends it, by its process id. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a server whose output goes to a file. Throws where it is not installed. */
export async function startProcess(
  command: string,
  words: readonly string[],
  logFile: string,
): Promise<ServerProcess> {
  const log = openSync(logFile, 'a');
  const child = spawn(command, words, { stdio: ['ignore', log, log], env });
  closeSync(log);
  await once(child, 'spawn').catch((error: unknown) => Promise.reject(missing(command, error)));
  return {
    async check() {
      if (child.exitCode === null && child.signalCode === null) return;
      throw new Error(`${command} ended: ${(await readFile(logFile, 'utf8')).slice(-2000)}`);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

const execute = promisify(execFile);

/** What a tool prints. Throws where it fails or is not installed. */
export async function run(command: string, words: readonly string[]): Promise<string> {
  try {
    return (await execute(command, [...words], { env })).stdout;
  } catch (error) {
    throw missing(command, error);
  }
}

/** A peers test without its peer fails: skipped tests prove nothing. */
function missing(command: string, cause: unknown): Error {
  const absent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  const advice = `${command} is not installed: install the packages in test/peers/packages.txt, as .ci/run does`;
  return new Error(absent ? advice : `${command} failed: ${String(cause)}`, { cause });
}

/** Tries until it is so, while the server runs. */
export async function until(
  what: string,
  server: ServerProcess,
  isSo: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    await server.check();
    if (await isSo().catch(() => false)) return;
    await setTimeout(100);
  }
  throw new Error(`never: ${what}`);
}

/** A port that is free, on an address of this machine that nobody else uses unless told. */
export async function freePlace(
  address = anyLoopback(),
): Promise<{ readonly address: string; readonly port: number }> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  server.close();
  return { address, port: typeof bound === 'object' && bound !== null ? bound.port : 0 };
}

function anyLoopback(): string {
  const part = (): number => 1 + Math.floor(Math.random() * 254);
  return `127.${part()}.${part()}.${part()}`;
}
