/** The line to a hoster's HTTPS port, which can be cut. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Town } from './town.ts';

export interface Line {
  /** Ends all connections at once; new ones are taken. */
  cut(): void;
  /** Taken so far. */
  connections(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Stands in the place of a hoster's HTTPS port, which its domains publish from now on. */
export async function layLine(town: Town, name: string): Promise<Line> {
  const hoster = town.hoster(name);
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(hoster.ports().https, hoster.address);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, hoster.address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  town.publish((record) =>
    record.type === 'SRV' && hoster.domains.some((domain) => record.name === `_beckon._tcp.${domain}`)
      ? { ...record, port }
      : record,
  );
  const cut = (): void => open.forEach((socket) => socket.destroy());
  return {
    cut,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
