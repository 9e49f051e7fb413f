/** Binding a server to a port or to a unix socket with a mode. */
import { once } from 'node:events';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { BeckonError } from '../errors.ts';

/** `host` empty: all interfaces. `port` 0: any free one. */
export type BindAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number };

/** Gives the port, or 0 for a socket. Throws `network_failed`; a socket that another process listens on is `exists`. */
export async function bind(server: Server, address: BindAddress): Promise<number> {
  if (address.kind === 'unix') {
    await makeParent(address.path);
    await removeStale(address.path);
    await bindSocket(server, address.path, address.mode);
    return 0;
  }
  await listening(server, `${address.host || '*'}:${address.port}`, () =>
    server.listen({ port: address.port, ...(address.host === '' ? {} : { host: address.host }) }),
  );
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : 0;
}

/** Nobody but the owner can connect before the mode is set: the socket is made, synchronously, under a mask. */
async function bindSocket(server: Server, path: string, mode: number): Promise<void> {
  await listening(server, path, () => {
    const mask = process.umask(0o177);
    try {
      server.listen({ path });
    } finally {
      process.umask(mask);
    }
  });
  await chmod(path, mode);
}

async function listening(server: Server, where: string, start: () => void): Promise<void> {
  try {
    const listens = once(server, 'listening');
    start();
    await listens;
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new BeckonError('network_failed', `cannot listen at ${where} (${reason})`, { cause });
  }
}

/** /run is empty after a restart, and only systemd makes directories in it: who may open the socket its own mode says. */
async function makeParent(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new BeckonError('network_failed', `cannot make the directory of the socket ${path} (${reason})`, {
      cause,
    });
  }
}

/** A socket that a process left behind when it was killed. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new BeckonError('exists', `${path} is there and is not a socket`);
  if (await answers(path)) throw new BeckonError('exists', `${path}: another process listens there`);
  await rm(path, { force: true });
}

async function answers(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
