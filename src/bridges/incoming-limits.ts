/** What strangers may do at the door for mail, by address and by the network it is in. This machine is no stranger. */
import ipaddr from 'ipaddr.js';
import type { Clock } from '../clock.ts';
import { createRate, networkOf, type RateLimit } from '../rate.ts';

export interface StrangerLimits {
  /** Connections at one time. */
  readonly connections: { readonly address: number; readonly network: number };
  readonly connecting: RateLimit;
  readonly mails: RateLimit;
  /** Recipients that are not there: who asks for many is looking for those that are. */
  readonly strays: RateLimit;
  /** Whether this machine counts as well. */
  readonly loopback: boolean;
}

/** Of a network; an address has a quarter of it. */
export const defaultStrangerLimits: StrangerLimits = {
  connections: { address: 20, network: 60 },
  connecting: { perSecond: 10, burst: 600 },
  mails: { perSecond: 40, burst: 2400 },
  strays: { perSecond: 0.5, burst: 100 },
  loopback: false,
};

export interface Strangers {
  /** Whether one more connection may be; then `leave` is owed. */
  enter(address: string): boolean;
  leave(address: string): void;
  mayHandIn(address: string): boolean;
  /** After asking for one who is not there: whether to go on. */
  mayStray(address: string): boolean;
}

export function createStrangers(limits: StrangerLimits, clock: Clock): Strangers {
  const open = new Map<string, number>();
  const connecting = sharedRate(limits.connecting, clock);
  const mails = sharedRate(limits.mails, clock);
  const strays = sharedRate(limits.strays, clock);
  const isFree = (address: string) => !limits.loopback && isLoopback(address);

  function add(key: string, count: number): void {
    const now = (open.get(key) ?? 0) + count;
    if (now > 0) open.set(key, now);
    else open.delete(key);
  }

  return {
    enter(address) {
      if (isFree(address)) return true;
      const network = networkOf(address);
      if ((open.get(address) ?? 0) >= limits.connections.address) return false;
      if ((open.get(`${network} network`) ?? 0) >= limits.connections.network) return false;
      if (!connecting(address)) return false;
      add(address, 1);
      add(`${network} network`, 1);
      return true;
    },
    leave(address) {
      if (isFree(address)) return;
      add(address, -1);
      add(`${networkOf(address)} network`, -1);
    },
    mayHandIn: (address) => isFree(address) || mails(address),
    mayStray: (address) => isFree(address) || strays(address),
  };
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

function sharedRate(network: RateLimit, clock: Clock): (address: string) => boolean {
  const ofNetwork = createRate(network, clock);
  const ofAddress = createRate({ perSecond: network.perSecond / 4, burst: network.burst / 4 }, clock);
  return (address) => ofAddress(address) && ofNetwork(networkOf(address));
}
