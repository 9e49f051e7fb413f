/** Other programs as peers: found where Debian installs them, run without privileges they do not need, on ports of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const folders = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin'];
const startMs = 10_000;

/** The path of a program; undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
}

/** Says, beside the figures, which of them are left out. */
export function leaveOut(metrics: string, name: string, debianPackage: string): void {
  console.error(`fetch: ${metrics} left out: there is no ${name} here (Debian: ${debianPackage})`);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Program {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a program that stays in the foreground, and waits until it listens. */
export async function startProgram(path: string, args: readonly string[], port: number): Promise<Program> {
  const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  const exited = once(child, 'exit');
  const began = performance.now();
  while (!(await listens(port))) {
    if (hasEnded(child) || performance.now() - began > startMs) {
      child.kill('SIGTERM');
      throw new Error(`${path} does not start: ${said}`);
    }
    await sleep(50);
  }
  return {
    pid: child.pid as number,
    async stop() {
      if (!hasEnded(child)) child.kill('SIGTERM');
      await exited;
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const ticksPerSecond = 100;

/** Seconds of processor time that a process used so far, all its threads. */
export function cpuSecondsOf(pid: number): number {
  const { own } = statOf(pid);
  return own / ticksPerSecond;
}

/** The same of a process and its children, those that ended included. */
export function cpuSecondsOfAll(pid: number): number {
  const { own, ended } = statOf(pid);
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid);
  const ticks = children.reduce((sum, child) => sum + (statOrNothing(child)?.own ?? 0), own + ended);
  return ticks / ticksPerSecond;
}

/** Of proc(5), in ticks: user and system time of its own, and of children that were waited for. */
function statOf(pid: number | string) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1], own: user + system, ended: endedUser + endedSystem };
}

/** It may end meanwhile. */
function statOrNothing(pid: string) {
  try {
    return statOf(pid);
  } catch {
    return undefined;
  }
}

function parentOf(pid: string): number | undefined {
  return statOrNothing(pid)?.parent;
}
