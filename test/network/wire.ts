/** Somebody on the path of datagrams: sees them, holds them back, passes them on. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Town } from './town.ts';

export interface Wire {
  /** All datagrams so far. */
  readonly seen: readonly Uint8Array[];
  /** From now on they are passed on; they are swallowed before. */
  passOn(): void;
  /** Sends a datagram to the domain as if it came from anywhere. */
  inject(datagram: Uint8Array): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Stands in the place of a hoster's UDP port, which its domains publish from now on. */
export async function standBefore(town: Town, name: string): Promise<Wire> {
  const hoster = town.hoster(name);
  const socket: Socket = createSocket('udp4');
  const seen: Uint8Array[] = [];
  let passing = false;
  socket.bind(0, hoster.address);
  await once(socket, 'listening');
  const inject = async (datagram: Uint8Array): Promise<void> =>
    await new Promise((resolve) =>
      socket.send(datagram, hoster.ports().udp, hoster.address, () => resolve()),
    );
  socket.on('message', (datagram) => {
    seen.push(Uint8Array.from(datagram));
    if (passing) void inject(datagram);
  });
  town.publish((record) =>
    record.type === 'SRV' && hoster.domains.some((domain) => record.name === `_beckon._udp.${domain}`)
      ? { ...record, port: socket.address().port }
      : record,
  );
  return {
    seen,
    passOn: () => void (passing = true),
    inject,
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}
