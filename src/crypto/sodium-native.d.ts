/** The part of sodium-native that this room uses: the package brings no types. */
declare module 'sodium-native' {
  interface Sodium {
    randombytes_buf(buffer: Uint8Array): void;
    sodium_memcmp(a: Uint8Array, b: Uint8Array): boolean;
    crypto_hash_sha256(out: Uint8Array, data: Uint8Array): void;
    crypto_scalarmult(out: Uint8Array, scalar: Uint8Array, point: Uint8Array): void;
    crypto_scalarmult_base(out: Uint8Array, scalar: Uint8Array): void;
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
    crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
    crypto_pwhash_async(
      out: Uint8Array,
      password: Uint8Array,
      salt: Uint8Array,
      passes: number,
      memoryBytes: number,
      algorithm: number,
    ): Promise<void>;
    readonly crypto_pwhash_ALG_ARGON2ID13: number;
    crypto_aead_chacha20poly1305_ietf_encrypt: AeadEncrypt;
    crypto_aead_chacha20poly1305_ietf_decrypt: AeadDecrypt;
    crypto_aead_xchacha20poly1305_ietf_encrypt: AeadEncrypt;
    crypto_aead_xchacha20poly1305_ietf_decrypt: AeadDecrypt;
  }
  type AeadEncrypt = (
    out: Uint8Array,
    message: Uint8Array,
    aad: Uint8Array | null,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ) => number;
  type AeadDecrypt = (
    out: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    aad: Uint8Array | null,
    nonce: Uint8Array,
    key: Uint8Array,
  ) => number;
  const sodium: Sodium;
  export default sodium;
}
