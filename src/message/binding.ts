/** The field `to` of an envelope, wire-spec/message.md section 5. */
import { hmacSha256 } from '../crypto/kdf.ts';
import { context } from '../wire/context.ts';

/** Whom a message is for, for those alone who have the binding key. */
export function toOf(bindingKey: Uint8Array, identityFingerprint: Uint8Array, address: string): Uint8Array {
  return hmacSha256(bindingKey, context('to', identityFingerprint, address));
}
