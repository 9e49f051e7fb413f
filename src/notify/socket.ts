/** The UDP socket that notifications arrive on: dgram and nothing else. It never answers. */
import { createSocket, type Socket, type SocketType } from 'node:dgram';
import { once } from 'node:events';
import { BeckonError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface NotificationSocket {
  readonly port: number;
  close(): Promise<void>;
}

/** Room for bursts while the event loop is busy: the default loses datagrams at rates that one core still handles. */
const receiveBuffer = 4 << 20;

export interface SocketOptions {
  /** Empty: all interfaces, IPv6 and IPv4. */
  readonly host: string;
  readonly port: number;
}

/**
 * Binds and hands each datagram to `receive` with its source address. Throws `network_failed` where the port cannot
 * be bound.
 */
export async function openNotificationSocket(
  options: SocketOptions,
  receive: (datagram: Uint8Array, source: string) => void,
  log: Log,
): Promise<NotificationSocket> {
  const socket = await bind(options);
  const granted = socket.getRecvBufferSize();
  if (granted < receiveBuffer)
    log.warn('udp receive buffer is smaller than asked for: raise net.core.rmem_max', {
      granted,
      wanted: receiveBuffer,
    });
  socket.on('message', (datagram, remote) => receive(datagram, remote.address));
  socket.on('error', (error) =>
    log.warn('udp socket error', { code: (error as NodeJS.ErrnoException).code }),
  );
  return {
    port: socket.address().port,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

async function bind({ host, port }: SocketOptions): Promise<Socket> {
  if (host !== '') return await bindOne(host.includes(':') ? 'udp6' : 'udp4', host, port);
  try {
    return await bindOne('udp6', '::', port);
  } catch {
    // No IPv6 on this machine.
    return await bindOne('udp4', '0.0.0.0', port);
  }
}

async function bindOne(type: SocketType, address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type, recvBufferSize: receiveBuffer });
  try {
    socket.bind({ address, port });
    await once(socket, 'listening');
    return socket;
  } catch (cause) {
    socket.close();
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new BeckonError('network_failed', `cannot listen at udp ${address}:${port} (${reason})`, { cause });
  }
}
