/** The only place that opens TCP connections: every address is checked at the moment it is connected to. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { isHostName } from '../dns/record.ts';
import type { Resolver } from '../dns/resolver.ts';
import { BeckonError } from '../errors.ts';
import type { AddressPolicy } from './address-policy.ts';
import { silenceError, wasSilence } from './silence.ts';

export interface Dialler {
  /**
   * The addresses of a host that may be dialled; never empty. Throws `network_refused` when the host is no name (an IP
   * address is none) or has only addresses that are refused, `network_failed` when none is known.
   */
  addresses(host: string): Promise<string[]>;
  /**
   * A TCP connection to an address. Throws `network_refused` when the policy refuses the address, or the one that was
   * really connected to; `network_failed` when it cannot be reached within the time.
   */
  connect(address: string, port: number, timeoutMs: number): Promise<Socket>;
}

export function createDialler(resolver: Resolver, policy: AddressPolicy): Dialler {
  return {
    async addresses(host) {
      if (!isHostName(host)) throw new BeckonError('network_refused', 'the target is not a host name');
      const lookup = await resolver.address(host);
      if (lookup.kind !== 'found')
        throw new BeckonError('network_failed', `no address for the target: ${lookup.reason}`);
      const allowed = lookup.records.filter((address) => policy(address).kind === 'allowed');
      if (allowed.length === 0)
        throw new BeckonError(
          'network_refused',
          'all addresses of the target are in ranges that are not dialled',
        );
      return allowed;
    },

    async connect(address, port, timeoutMs) {
      checkAddress(policy, address);
      const socket = await connectTcp(address, port, timeoutMs);
      try {
        // A peer that broke off at once has none any more: that is a failure, and not an address that is refused.
        if (socket.remoteAddress === undefined)
          throw new BeckonError('network_failed', 'the connection broke at once');
        checkAddress(policy, socket.remoteAddress);
        return socket;
      } catch (error) {
        socket.destroy();
        throw error;
      }
    },
  };
}

function checkAddress(policy: AddressPolicy, address: string): void {
  const verdict = policy(address);
  if (verdict.kind === 'refused')
    throw new BeckonError('network_refused', `the address may not be dialled: ${verdict.reason}`);
}

function connectTcp(address: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, keepAlive: true });
    const timer = setTimeout(() => socket.destroy(silenceError('connecting took too long')), timeoutMs);
    // Stays on: an error between here and the next owner's listener must not end the process.
    socket.on('error', (cause) => {
      clearTimeout(timer);
      reject(new BeckonError('network_failed', 'cannot connect', { cause }));
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

/** Of the failures of several attempts the one to report: what would have been met nearest to success. */
export function mostTelling(failures: readonly BeckonError[]): BeckonError {
  const tls = failures.find(({ code }) => code === 'tls_failed');
  const network = failures.filter(({ code }) => code === 'network_failed');
  // One address that refuses does not speak for another that is silent.
  return (
    tls ??
    network.find(wasSilence) ??
    network[0] ??
    failures[0] ??
    new BeckonError('network_failed', 'the domain has no target')
  );
}
