/** What the client library offers about the user's devices. */

export interface DeviceEntry {
  /** Public key, base64url. */
  readonly id: string;
  /** The user's word for it, perhaps empty. */
  readonly name: string;
  /** Unix seconds. */
  readonly added: number;
  /** `recovery` stands for the phrase, `gateway` for a gateway of the domain (`beckon mailbox`). */
  readonly kind: 'device' | 'recovery' | 'gateway';
  /** This very one. */
  readonly here: boolean;
}

export interface ClientDevices {
  /** As the domain has them. Throws network codes. */
  list(): Promise<readonly DeviceEntry[]>;
  /** A code for another machine: whoever has it first is a device of the user's. Throws `quota_exceeded`, `request_invalid` without a phrase. */
  add(): Promise<{ readonly code: string; readonly expires: number }>;
  /**
   * Ends a device's access, by its name or the beginning of its id. `stolen`: what it held is void too: a new phrase, which this gives, and new
   * keys; other devices have to be paired again. Throws `not_found`, `request_invalid`.
   */
  remove(
    which: string,
    options?: { readonly stolen?: boolean },
  ): Promise<{
    readonly removed: DeviceEntry;
    readonly left: readonly DeviceEntry[];
    readonly phrase?: string;
  }>;
  /** A new recovery phrase in the place of the one before; other devices have to be paired again. */
  phrase(): Promise<string>;
}
