/** Sends single datagrams to domains and never waits for an answer: wire-spec/notification.md. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Resolver } from '../dns/resolver.ts';
import type { Target } from '../dns/srv-order.ts';
import { codeOf } from '../errors.ts';
import { createAddressPolicy } from './address-policy.ts';
import { createDialler } from './dial.ts';

export interface UdpSenderOptions {
  resolver: Resolver;
  /** CIDR ranges that may be sent to though they are not public: `[outbound] allow`. */
  allow?: readonly string[];
}

export interface UdpSender {
  /**
   * Sends to the first target, in the given order, that can be sent to. `sent` says that the datagram left this machine
   * and nothing more; `refused` that every target's address is in a range that is not dialled; `failed` all else.
   */
  send(datagram: Uint8Array, targets: readonly Target[]): Promise<'sent' | 'refused' | 'failed'>;
  close(): Promise<void>;
}

/** One socket for each address family, opened at first use; it does not keep the process alive. */
export function createUdpSender({ resolver, allow }: UdpSenderOptions): UdpSender {
  const dialler = createDialler(resolver, createAddressPolicy(allow));
  const sockets = new Map<'udp4' | 'udp6', Socket>();
  let closed = false;

  function socketFor(address: string): Socket {
    const family = isIPv6(address) ? 'udp6' : 'udp4';
    const open = sockets.get(family);
    if (open) return open;
    const socket = createSocket(family);
    // What a send could not do its callback tells; the socket itself stays usable.
    socket.on('error', () => {}).unref();
    sockets.set(family, socket);
    return socket;
  }

  async function sendTo(
    datagram: Uint8Array,
    { host, port }: Target,
  ): Promise<'sent' | 'refused' | 'failed'> {
    try {
      for (const address of await dialler.addresses(host)) {
        if (closed) return 'failed';
        if (await sendOnce(socketFor(address), datagram, port, address)) return 'sent';
      }
      return 'failed';
    } catch (error) {
      return codeOf(error) === 'network_refused' ? 'refused' : 'failed';
    }
  }

  return {
    async send(datagram, targets) {
      let outcome: 'refused' | 'failed' = targets.length > 0 ? 'refused' : 'failed';
      for (const target of targets) {
        const result = await sendTo(datagram, target);
        if (result === 'sent') return 'sent';
        if (result === 'failed') outcome = 'failed';
      }
      return outcome;
    },
    async close() {
      closed = true;
      await Promise.all(
        [...sockets.values()].map((socket) => new Promise<void>((resolve) => socket.close(resolve))),
      );
      sockets.clear();
    },
  };
}

function sendOnce(socket: Socket, datagram: Uint8Array, port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    socket.send(datagram, port, address, (error) => resolve(error === null));
  });
}
