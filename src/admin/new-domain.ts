/** The keys of a new domain, made and on disk. */
import type { Clock } from '../clock.ts';
import type { TextSealer } from '../crypto/sealed-text.ts';
import { createDomainKeys, type DomainKeys } from '../keys/domain-keys.ts';
import { formatRecoveryKey } from '../keys/recovery-key.ts';
import { saveDomainKeys } from './key-files.ts';

export interface NewDomainParts {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  /** Encrypts the key files, where there is a passphrase. */
  readonly sealer?: TextSealer | undefined;
}

export interface NewDomain {
  readonly keys: DomainKeys;
  /** `BECKON-RECOVERY-...`: for the owner's eyes, once. It is kept nowhere. */
  readonly recoveryKey: string;
}

/** Makes and saves the keys of a (canonical) domain. Throws `exists` where there are some, `storage_failed`. */
export async function createDomain(
  domain: string,
  { dataDir, clock, random, sealer }: NewDomainParts,
): Promise<NewDomain> {
  const { keys, recovery } = createDomainKeys(domain, clock.seconds(), random);
  try {
    await saveDomainKeys(dataDir, keys, sealer);
    return { keys, recoveryKey: formatRecoveryKey(recovery) };
  } finally {
    recovery.wipe();
  }
}
