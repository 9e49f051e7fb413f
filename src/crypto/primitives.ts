/**
 * What this room needs from a crypto library, and no more. Two modules implement it with the same exported functions:
 * `primitives-node.ts` (libsodium and OpenSSL) and `primitives-browser.ts` (pure JavaScript); a test compares them. The package
 * import `#primitives` selects one. Only sibling files use them: everybody else uses the checked functions above them.
 *
 * Lengths are preconditions here (the callers check them). Nothing retains or changes an argument, and every result is a
 * plain, freshly allocated Uint8Array.
 */
export interface Primitives {
  /** `length` bytes from the system's generator. */
  randomBytes(length: number): Uint8Array;
  /** A zeroed or arbitrary buffer that the caller overwrites completely before it shows it to anyone. */
  uninitialised(length: number): Uint8Array;
  /** Whether two byte strings of equal length are equal, in constant time. */
  equalBytes(a: Uint8Array, b: Uint8Array): boolean;

  sha256(data: Uint8Array): Uint8Array;
  /** Writes the hash to `out` at `offset`. */
  sha256Into(data: Uint8Array, out: Uint8Array, offset: number): void;
  createSha256(): IncrementalHash;
  hmacSha512(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** SHAKE256 with `length` bytes of output. */
  shake256(data: Uint8Array, length: number): Uint8Array;
  sha3(data: Uint8Array): Uint8Array;

  /** RFC 7748 with the check of its section 6.1: undefined where the result is all zero. */
  x25519(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined;
  x25519Base(scalar: Uint8Array): Uint8Array;

  ed25519Public(seed: Uint8Array): Uint8Array;
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /**
   * RFC 8032 section 5.1.7 with the cofactorless equation; S reduced, the key canonical, neither the key nor R of small
   * order. All three matter: implementations differ exactly there, and two that differ can be played against each other.
   */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether 32 bytes are the canonical encoding of a point of the prime-order subgroup other than the identity. */
  ed25519IsPublic(publicKey: Uint8Array): boolean;

  /** Ciphertext and tag (16 bytes). Nonce: 12 bytes. */
  chachaSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined where the tag does not match. */
  chachaOpen(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
  /** As `chachaSeal`, with a nonce of 24 bytes. */
  xchachaSeal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  xchachaOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
  ): Uint8Array | undefined;
  /** AES-256-GCM without associated data; the key is prepared once for many calls. */
  createAes256Gcm(key: Uint8Array): Aes256Gcm;

  /**
   * Argon2id (RFC 9106) with one lane, off the main thread where there is another. Salt: 16 bytes; `memory` in KiB, at least 8.
   */
  argon2id(
    password: Uint8Array,
    salt: Uint8Array,
    cost: { readonly memory: number; readonly passes: number },
    length: number,
  ): Promise<Uint8Array>;

  /** ML-KEM-768 (FIPS 203): the encapsulation key (1184 bytes) of a seed d || z (64 bytes). */
  mlkemPublic(seed: Uint8Array): Uint8Array;
  /** Randomness from the system. The key must have been checked (FIPS 203 section 7.2). */
  mlkemEncapsulate(publicKey: Uint8Array): Encapsulated;
  /** With the given 32 bytes m: for tests and vectors. */
  mlkemEncapsulateWith(publicKey: Uint8Array, m: Uint8Array): Encapsulated;
  /** Implicit rejection: a ciphertext that does not fit gives a pseudorandom secret. */
  mlkemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

export interface IncrementalHash {
  update(bytes: Uint8Array): void;
  /** The digest of what came until now; more may follow. */
  soFar(): Uint8Array;
  /** The digest; the hash must not be used afterwards. */
  digest(): Uint8Array;
}

export interface Aes256Gcm {
  /** Writes ciphertext and tag to `out` at `offset`: `plaintext.length + 16` bytes. Nonce: 12 bytes. */
  sealInto(nonce: Uint8Array, plaintext: Uint8Array, out: Uint8Array, offset: number): void;
  /** Writes the plaintext to `out` at `offset`; false, with nothing written, where the tag does not match. */
  openInto(nonce: Uint8Array, sealed: Uint8Array, out: Uint8Array, offset: number): boolean;
}

export interface Encapsulated {
  sharedSecret: Uint8Array;
  ciphertext: Uint8Array;
}
