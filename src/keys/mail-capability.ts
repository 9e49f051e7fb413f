/** Whose messages are those of a domain's bridge, as its record says: wire-spec/bridges.md section 2. */
import { formatAddress } from '../wire/address.ts';
import { mailCapability, mailCapabilityName } from '../wire/mail.ts';
import { decode } from '../wire/schema.ts';
import type { VerifiedDomain } from './domain-record.ts';

export interface NamedBridge {
  /** Canonical. */
  readonly address: string;
  /** Identity fingerprint. */
  readonly fingerprint: Uint8Array;
}

/** Undefined where the domain has no bridge, or names none that could be. */
export function namedBridge({
  domain,
  capabilities,
}: Pick<VerifiedDomain, 'domain' | 'capabilities'>): NamedBridge | undefined {
  const listed = capabilities.get(mailCapabilityName);
  if (listed === undefined) return undefined;
  try {
    const { local, fingerprint } = decode(mailCapability, listed);
    return { address: formatAddress({ local, domain }), fingerprint };
  } catch {
    return undefined;
  }
}
