/** The drops in a client's state: the user's own, and where correspondents may be written to. */

/** Bytes as base64url without padding. */
export type Text64 = string;

/** Where this user may write to a correspondent: the newest drop they handed over. */
export interface TheirDrop {
  readonly pollKey: Text64;
  readonly suite: number;
  readonly sealingKey: Text64;
  /** `created` of the signed envelope that carried it: the newest wins. */
  readonly created: number;
  readonly notAfter: number;
  /** Fingerprint of the identity that handed it over: it ends with it. Not in states of version 0.1.0. */
  readonly identity?: Text64;
  /** The alias of this user that it was handed to: no other address may write there. Absent: the user's address. */
  readonly to?: string;
}

/** A drop of this user's that correspondents may write to. */
export type OwnDrop = HandedDrop | IntroducedDrop | CardDrop;

/** Derived from the master and handed to one correspondent in a private header. */
export interface HandedDrop {
  readonly kind: 'handed';
  readonly epoch: Text64;
  readonly n: number;
  /** X-Wing seed of the sealing key; erased with the drop. */
  readonly seed: Text64;
  readonly correspondent: string;
  readonly created: number;
  readonly notAfter: number;
  /** A message arrived over it: the next header hands out a new one. */
  readonly used: boolean;
}

/** Derived like one that is handed over, and given away in a contact card: whoever writes over it first claims it. */
export interface CardDrop {
  readonly kind: 'card';
  readonly epoch: Text64;
  readonly n: number;
  /** As of a handed one; absent once it is revoked. */
  readonly seed?: Text64;
  /** Where the sealed card lies at the own domain, 16 bytes, and what opens it. */
  readonly card: Text64;
  readonly key: Text64;
  /** The user's word for whom it is for; it does not travel. */
  readonly note: string;
  readonly created: number;
  readonly notAfter: number;
  /** Whose message over it was the first to verify, and when that was. */
  readonly claimed?: { readonly by: string; readonly at: number };
  readonly revoked?: true;
}

/** Found in the feed: what an introduction says, unproven until the sender's record was read. */
export interface IntroducedDrop {
  readonly kind: 'introduced';
  /** The scalar s of wire-spec/addressing.md section 3. */
  readonly scalar: Text64;
  readonly addressingKeyId: Text64;
  readonly claimedAddress: string;
  readonly identityFingerprint: Text64;
  readonly theirAddressingKey: Text64;
  readonly created: number;
  readonly notAfter: number;
}
