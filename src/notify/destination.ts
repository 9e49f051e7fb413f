/** From the directory's word on a domain to where its notifications are sent. */
import type { Domains } from '../directory/domains.ts';
import type { Remote } from '../directory/remote.ts';
import { codeOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { UdpSender } from '../outbound/udp.ts';
import type { Destination } from './send.ts';

export interface DestinationParts {
  readonly domains: Pick<Domains, 'domain'>;
  readonly remote: Pick<Remote, 'postNotify'>;
  readonly udp: Pick<UdpSender, 'send'>;
  readonly log: Log;
}

/** Finds destinations for the sending pipeline: undefined for whatever is not native now, and it never throws. */
export function createFindDestination(
  parts: DestinationParts,
): (domain: string) => Promise<Destination | undefined> {
  const { domains, remote, udp, log } = parts;
  return async (name) => {
    try {
      const peer = await domains.domain(name);
      if (peer.kind !== 'native') return undefined;
      return {
        record: peer.record,
        hasUdp: peer.udpTargets.length > 0,
        sendUdp: async (datagram) => (await udp.send(datagram, peer.udpTargets)) === 'sent',
        sendDoor: async (datagram) => (await remote.postNotify(peer, datagram)).kind === 'sent',
      };
    } catch (error) {
      log.warn('a destination could not be looked up', { code: codeOf(error) });
      return undefined;
    }
  };
}
