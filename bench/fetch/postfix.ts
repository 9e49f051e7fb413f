/**
 * Postfix as a peer of submissions: it accepts messages and keeps them in its hold queue, on disk before it says so, and delivers none.
 * Started by its own master, which needs root; ended by that master's id.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cpuSecondsOfAll, freePort } from './programs.ts';

const run = promisify(execFile);
const daemons = '/usr/lib/postfix/sbin';
const stopMs = 10_000;

export interface Postfix {
  readonly port: number;
  /** Processor time of all its processes so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

function mainConfig(dir: string): string {
  return `compatibility_level = 3.6
queue_directory = ${dir}/queue
data_directory = ${dir}/data
command_directory = /usr/sbin
daemon_directory = ${daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = ${dir}
maillog_file = ${dir}/maillog
myhostname = mx.alpha.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_transport = error:none here
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_client_access static:HOLD
smtpd_client_connection_count_limit = 0
smtpd_client_event_limit_exceptions = 127.0.0.0/8
`;
}

function masterConfig(port: number): string {
  return `127.0.0.1:${port} inet n - n - 100 smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
pickup    unix  n - n 60 1 pickup
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
`;
}

/** `dir` must be one that the user `postfix` can enter. */
export async function startPostfix(program: string, dir: string): Promise<Postfix> {
  const port = await freePort();
  for (const folder of ['config', 'queue', 'queue/pid', 'data'])
    mkdirSync(join(dir, folder), { recursive: true });
  chmodSync(dir, 0o755);
  await run('chown', ['postfix', join(dir, 'data')]);
  writeFileSync(join(dir, 'config/main.cf'), mainConfig(dir));
  writeFileSync(join(dir, 'config/master.cf'), masterConfig(port));
  await run(program, ['-c', join(dir, 'config'), 'start']);
  const pid = await masterOf(dir);
  return {
    port,
    cpuSeconds: () => cpuSecondsOfAll(pid),
    async stop() {
      process.kill(pid, 'SIGTERM');
      for (const began = performance.now(); isAlive(pid) && performance.now() - began < stopMs;)
        await sleep(50);
    },
  };
}

async function masterOf(dir: string): Promise<number> {
  const file = join(dir, 'queue/pid/master.pid');
  for (const began = performance.now(); performance.now() - began < stopMs; await sleep(50)) {
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    if (pid > 0) return pid;
  }
  throw new Error('Postfix does not start');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Hands over `count` messages of `size` bytes, so many at a time, each acknowledged before the next of its connection. */
export async function sendMail(
  port: number,
  count: number,
  size: number,
  connections: number,
): Promise<void> {
  const line = `${'x'.repeat(76)}\r\n`;
  const text = `From: a@alpha.test\r\nTo: b@beta.test\r\nSubject: one\r\n\r\n${line.repeat(Math.ceil(size / line.length))}.\r\n`;
  const name = Math.random().toString(36).slice(2);
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const session = await openSession(port);
      for (let n = next++; n < count; n = next++) {
        // MAIL, RCPT and DATA go out together, as PIPELINING allows.
        await session.say('MAIL FROM:<a@alpha.test>\r\nRCPT TO:<b@beta.test>\r\nDATA\r\n', 3);
        await session.say(`Message-ID: <${n}.${name}@alpha.test>\r\n${text}`, 1);
      }
      session.close();
    }),
  );
}

interface Session {
  /** Sends and waits for so many answers. Throws where one is a refusal. */
  say(text: string, answers: number): Promise<void>;
  close(): void;
}

async function openSession(port: number): Promise<Session> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1');
  await once(socket, 'connect');
  let seen = '';
  let missing = 0;
  let waiting: PromiseWithResolvers<void> | undefined;
  const fail = (reason: string): void => {
    waiting?.reject(new Error(reason));
    socket.destroy();
  };
  socket.on('data', (data: string) => {
    seen += data;
    const lines = seen.split('\r\n');
    seen = lines.pop() ?? '';
    for (const answer of lines.filter((said) => said[3] !== '-')) {
      if (!/^[23]/.test(answer)) fail(`refused: ${answer}`);
      missing--;
    }
    if (missing <= 0) waiting?.resolve();
  });
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail('a connection was closed'));
  async function say(text: string, answers: number): Promise<void> {
    waiting = Promise.withResolvers();
    missing += answers;
    if (text !== '') socket.write(text);
    await waiting.promise;
    waiting = undefined;
  }
  await say('', 1);
  await say('EHLO bench.test\r\n', 1);
  return { say, close: () => socket.destroy() };
}
