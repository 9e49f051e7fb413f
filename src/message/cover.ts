/** Covers: the payload of a message that lists the messages that belong together. wire-spec/message.md section 6. */
import { cover, type CoverPart } from '../wire/message.ts';
import { decode, encode } from '../wire/schema.ts';

/** The plaintext of a cover, of media type `application/beckon-cover+cbor`: 1 to 128 parts. Throws `cbor_range`. */
export function encodeCover(parts: readonly CoverPart[]): Uint8Array {
  return encode(cover, { parts });
}

/** The parts of a cover; those with unknown critical fields are left out. Throws `cbor_*`. */
export function decodeCover(plaintext: Uint8Array): readonly CoverPart[] {
  return decode(cover, plaintext).parts;
}
