/** What the admin interface asks about a domain's identity: changing it, leaving, parents. JSON values. */
import type { DnsEntry } from './dns-entry.ts';

export interface IdentityHandlers {
  /** Throws `not_found`. */
  identity(domain: string): Promise<IdentityReport>;
  /**
   * Makes the next identity key and signs the change, with the present key (here, or the file `identity`) or with the owner's recovery
   * key. With `offline` the next key is answered and not kept. Throws `conflict`, `state_invalid`, `key_invalid`, `key_unknown`.
   */
  prepareIdentity(
    domain: string,
    request: {
      readonly identity?: object;
      readonly offline?: boolean;
      readonly recovery?: string;
      readonly nextRecovery?: string;
    },
  ): Promise<IdentityReport & { readonly identityFile?: object }>;
  /** Throws `conflict` where nothing was prepared, `discovery_later` while TXT does not name the next identity. */
  takeIdentity(
    domain: string,
    request: { readonly identity?: object; readonly unchecked?: boolean },
  ): Promise<IdentityReport>;
  abandonIdentity(domain: string): Promise<IdentityReport>;
  /** `nextRecovery`: base64url, the hash of the new recovery key. Throws as `prepareIdentity`. */
  replaceRecovery(
    domain: string,
    request: { readonly identity?: object; readonly recovery: string; readonly nextRecovery: string },
  ): Promise<IdentityReport>;
  /** `back`: takes it back. Throws `conflict`, `state_invalid`. */
  retireDomain(
    domain: string,
    request: { readonly identity?: object; readonly back?: boolean },
  ): Promise<IdentityReport>;
  /** Throws `conflict`, `record_invalid`, `request_invalid`. */
  vouch(
    parent: string,
    request: { readonly child: string; readonly fingerprint: string },
  ): Promise<{ readonly attachment: string; readonly parent: string; readonly child: string }>;
  /** Throws `request_invalid`, and with the code for which the signature is refused. */
  attach(domain: string, attachment: string): Promise<IdentityReport>;
}

/** Fingerprints in base64url. */
export interface IdentityReport {
  readonly domain: string;
  readonly fingerprint: string;
  readonly kept: 'here' | 'offline';
  /** The identity that is to take its place. */
  readonly next?: { readonly fingerprint: string; readonly by: 'identity' | 'recovery' };
  readonly leaving: boolean;
  /** Who vouches for the identity. */
  readonly parents: readonly { readonly parent: string; readonly expires: number }[];
  /** What is to stand in DNS now. */
  readonly dns: readonly DnsEntry[];
}
