/** Which resolvers are asked, and which of them is believed when it says that it validated an answer. */
import { getServers } from 'node:dns';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { BeckonError } from '../errors.ts';
import type { Server } from './exchange.ts';

/** `auto`: the AD flag of resolvers on this machine is believed; `off`: nobody's. */
export type DnssecMode = 'auto' | 'off';

export interface Resolving extends Server {
  /** Its AD flag counts: nobody can have set it on the way, and the machine's owner runs it. */
  readonly trusted: boolean;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** What containers get as their resolver: it hands on what a far one claims. */
const forwarders: readonly string[] = ['127.0.0.11'];

/**
 * @param servers `address`, `address:port` or `[address]:port`; none: the system's
 * @throws BeckonError `config_invalid`
 */
export function resolvingServers(servers: readonly string[], mode: DnssecMode): Resolving[] {
  return (servers.length > 0 ? servers : getServers()).map((text) => {
    const { address, port } = parseServer(text);
    return { address, port, trusted: mode === 'auto' && isOwn(address) };
  });
}

function isOwn(address: string): boolean {
  const [plain = ''] = address.split('%');
  return loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4') && !forwarders.includes(plain);
}

/** Also with the zone of a link-local address, as the system may name its resolver. */
function parseServer(text: string): Server {
  if (isIP(text) !== 0) return { address: text, port: 53 };
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four ?? '';
  if (isIP(address) === 0 || isIPv6(address) !== (six !== undefined) || Number(port) > 65_535)
    throw new BeckonError('config_invalid', `dns.resolvers: "${text}" is no address of a server`);
  return { address, port: Number(port) };
}
