/**
 * The cheap tests before any cryptography, pure, wire-spec/notification.md section 4: size, version, key id, rate and
 * budget. Opening a seal costs about 50 microseconds, so a flood must die here.
 */
import type { Clock } from '../clock.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';
import { splitDatagram, type Datagram } from '../wire/notification.ts';

export interface AdmissionLimits {
  /** Datagrams from one network (IPv4 /24, IPv6 /48). */
  readonly perNetwork: RateLimit;
  /** All datagrams from networks that never sent a verified one. */
  readonly strangers: RateLimit;
  /** All datagrams from networks that did: their share, which strangers cannot use up. */
  readonly peers: RateLimit;
}

export const defaultAdmissionLimits: AdmissionLimits = {
  perNetwork: { perSecond: 1000, burst: 2000 },
  strangers: { perSecond: 3000, burst: 3000 },
  peers: { perSecond: 5000, burst: 10_000 },
};

/** A datagram that may be opened, with the key that its id names. */
export interface Admitted<Key> {
  readonly datagram: Datagram;
  readonly key: Key;
}

export interface Admission<Key> {
  /** `source` is the address it came from, as text; '' for the HTTPS door behind a proxy. */
  admit(bytes: Uint8Array, source: string): Admitted<Key> | ErrorCode;
  /** A datagram from this source proved genuine: its network joins the peers. */
  prove(source: string): void;
}

const maxPeerNetworks = 10_000;

/** `findKey` gives the own notification key with this id, or undefined; what it throws is an outcome. */
export function createAdmission<Key>(
  findKey: (keyId: Uint8Array) => Key | undefined,
  limits: AdmissionLimits,
  clock: Clock,
): Admission<Key> {
  const perNetwork = createRate(limits.perNetwork, clock);
  const strangers = createRate(limits.strangers, clock, 1);
  const peers = createRate(limits.peers, clock, 1);
  const proven = new Set<string>();

  return {
    admit(bytes, source) {
      try {
        const datagram = splitDatagram(bytes);
        const key = findKey(datagram.keyId);
        if (key === undefined) return 'key_unknown';
        const network = networkOf(source);
        const share = proven.has(network) ? peers : strangers;
        return perNetwork(network) && share('') ? { datagram, key } : 'rate_limited';
      } catch (error) {
        if (error instanceof BeckonError) return codeOf(error);
        throw error;
      }
    },
    prove(source) {
      const network = networkOf(source);
      proven.delete(network);
      proven.add(network);
      if (proven.size <= maxPeerNetworks) return;
      const oldest = proven.keys().next();
      if (!oldest.done) proven.delete(oldest.value);
    },
  };
}
