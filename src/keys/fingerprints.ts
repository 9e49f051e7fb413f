/** The hashes by which keys, addresses, records and messages are called, wire-spec/README.md section 5, keys.md, message.md section 1. */
import { base32nopad } from '@scure/base';
import { sha256 } from '../crypto/kdf.ts';
import { context } from '../wire/context.ts';
import { keyUses, sizes, type KeyUse } from '../wire/registry.ts';

/** The id (8 bytes) of a public key: it binds the key to the domain and to its use. wire-spec/README.md section 5. */
export function keyId(domain: string, use: KeyUse, publicKey: Uint8Array): Uint8Array {
  return sha256(context('key id', domain, keyUses[use], publicKey)).slice(0, sizes.keyId);
}

/** The hash (32 bytes) of a canonical `local@domain`. wire-spec/discovery.md section 1. */
export function addressHash(address: string): Uint8Array {
  return sha256(context('address', address));
}

/** The fingerprint (32 bytes) of a domain's identity key as it stands in TXT: plain SHA-256. wire-spec/keys.md section 2. */
export function domainFingerprint(identityKey: Uint8Array): Uint8Array {
  return sha256(identityKey);
}

/** The hash (32 bytes) of a domain's recovery public key that its mandate carries. wire-spec/keys.md section 2. */
export function recoveryHash(recoveryKey: Uint8Array): Uint8Array {
  return sha256(context('recovery', recoveryKey));
}

/** The fingerprint (32 bytes) of a user's identity key: stable, what people compare. wire-spec/keys.md section 5. */
export function identityFingerprint(identityKey: Uint8Array): Uint8Array {
  return sha256(context('identity', identityKey));
}

/** The fingerprint (32 bytes) of a user record: of its inner bytes as signed. wire-spec/keys.md section 5. */
export function recordFingerprint(inner: Uint8Array): Uint8Array {
  return sha256(inner);
}

/** What the sender's domain keeps of an accept token (32 bytes). wire-spec/message.md section 1. */
export function acceptTokenHash(acceptToken: Uint8Array): Uint8Array {
  return sha256(acceptToken);
}

/** The name of a message that may be told to a hoster, as 10 bytes. wire-spec/message.md section 1. */
export function traceHandleBytes(messageId: Uint8Array): Uint8Array {
  return sha256(context('trace', messageId)).slice(0, sizes.traceHandle);
}

/** A trace handle as people see it: 16 letters of base32. */
export function traceHandleText(handle: Uint8Array): string {
  return base32nopad.encode(handle).toLowerCase();
}

/** The trace handle of a message id, as people see it. */
export function traceHandle(messageId: Uint8Array): string {
  return traceHandleText(traceHandleBytes(messageId));
}

/** The 10 bytes of a trace handle as typed, in any case; undefined for anything else. */
export function parseTraceHandle(typed: string): Uint8Array | undefined {
  const word = typed.trim().toUpperCase();
  return /^[A-Z2-7]{16}$/.test(word) ? base32nopad.decode(word) : undefined;
}
