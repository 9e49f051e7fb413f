/** The listeners of the configuration, in the words of those who bind them. */
import type { Config, ListenAddress } from './config.ts';
import type { BindAddress } from './http/bind.ts';
import type { Transport } from './http/listen.ts';

/** A socket is made with `mode`. */
export function bindAddress(address: ListenAddress, mode: number): BindAddress {
  return address.kind === 'unix' ? { ...address, mode } : address;
}

export function transportOf({ tls, listen: { trustedProxies } }: Config): Transport {
  if (tls.mode === 'files') return { kind: 'tls', ...tls };
  return tls.mode === 'proxy' ? { kind: 'proxy', trusted: trustedProxies } : { kind: 'plain' };
}
