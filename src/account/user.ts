/** Who speaks on the account interface, wire-spec/account.md. */
import type { SignerKind } from '../store/api/users.ts';
import type { Owner } from '../store/api/terms.ts';

/** An enrolled user of one of our domains, proven by the signature of one of their devices. */
export interface AccountUser {
  /** The owner of what they send: domain and address hash. */
  readonly owner: Owner;
  /** Ed25519 public key of the device that signed. */
  readonly device: Uint8Array;
  /** What that key is: only what `device` is may do everything. */
  readonly kind: SignerKind;
}
