/** A recovery key for its owner's paper, made where it is shown: the daemon hears of its hash alone. */
import { base64urlnopad } from '@scure/base';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { ed25519Public } from '../crypto/sign.ts';
import { recoveryHash } from '../keys/fingerprints.ts';
import { secretLength } from '../keys/key-pair.ts';
import { formatRecoveryKey, parseRecoveryKey } from '../keys/recovery-key.ts';

export interface RecoveryPaper {
  /** `BECKON-RECOVERY-...` */
  readonly text: string;
  /** Base64url: what mandates hold of it. */
  readonly hash: string;
}

export function createRecoveryPaper(random: Random): RecoveryPaper {
  const seed = new Secret(random(secretLength));
  try {
    const hash = recoveryHash(ed25519Public(seed.expose()));
    return { text: formatRecoveryKey(seed), hash: base64urlnopad.encode(hash) };
  } finally {
    seed.wipe();
  }
}

/** Throws `key_invalid` for what was not typed right, before anybody is asked. */
export function checkRecoveryKey(typed: string): void {
  parseRecoveryKey(typed).wipe();
}
