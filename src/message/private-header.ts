/** The private header: keys and letter, for the recipient alone. wire-spec/message.md section 3. */
import { hpkeOpen, hpkeOverhead, hpkeSealPrepared } from '../crypto/hpke.ts';
import type { Random } from '../crypto/random.ts';
import type { Secret } from '../crypto/secret.ts';
import { encapsulateWith, type Encapsulate } from '../crypto/xwing.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { context } from '../wire/context.ts';
import { privateHeader, type PrivateHeader } from '../wire/message.ts';
import { pad, paddedCapacity, unpad } from '../wire/padding.ts';
import { sizes, suites } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';

/** What the seal of a private header is bound to. */
export interface HeaderBinding {
  /** The recipient's domain. */
  readonly domain: string;
  readonly recipientHash: Uint8Array;
  readonly messageId: Uint8Array;
}

const overhead = hpkeOverhead('xwing');
const nothing = new Uint8Array(0);
/** For the header of an introduction: how many of the recipient's own sealing keys are tried. */
export const maxSealingTries = 4;

function infoOf(binding: HeaderBinding): Uint8Array {
  return context('private header', binding.domain, suites.xwing, binding.recipientHash, binding.messageId);
}

/**
 * Seals a private header to a drop's X-Wing sealing key (1216 bytes), in the fewest units of 4096 bytes. Throws `cbor_too_large`
 * where 16 units do not hold it, `key_invalid`.
 */
export function sealPrivateHeader(
  header: PrivateHeader,
  sealingKey: Uint8Array,
  binding: HeaderBinding,
  random: Random,
  encapsulate: Encapsulate = encapsulateWith(random),
): Uint8Array {
  const content = encode(privateHeader, header);
  const plaintext = pad(content, sizes.privateHeaderUnit * unitsFor(content.length) - overhead);
  return hpkeSealPrepared(encapsulate(sealingKey), infoOf(binding), nothing, plaintext);
}

function unitsFor(length: number): number {
  let units = 1;
  const max = sizes.privateHeaderMaxUnits;
  while (units < max && paddedCapacity(units * sizes.privateHeaderUnit - overhead) < length) units++;
  return units;
}

/**
 * Opens a private header with the first of the X-Wing seeds that fits: the drop's one, or for an introduction the recipient's own
 * sealing seeds, of which four are tried. Throws `open_failed`; `padding_invalid` or `cbor_*` for what a seal held that was none.
 */
export function openPrivateHeader(
  sealed: Uint8Array,
  seeds: readonly Secret[],
  binding: HeaderBinding,
): PrivateHeader {
  const units = sealed.length / sizes.privateHeaderUnit;
  if (!Number.isInteger(units) || units < 1 || units > sizes.privateHeaderMaxUnits) throw openFailed();
  const info = infoOf(binding);
  for (const seed of seeds.slice(0, maxSealingTries)) {
    const plaintext = tryOpen(sealed, seed, info);
    if (plaintext !== undefined) return decode(privateHeader, unpad(plaintext));
  }
  throw openFailed();
}

function tryOpen(sealed: Uint8Array, seed: Secret, info: Uint8Array): Uint8Array | undefined {
  try {
    return hpkeOpen('xwing', seed.expose(), info, nothing, sealed);
  } catch (error) {
    if (codeOf(error) === 'open_failed') return undefined;
    throw error;
  }
}

function openFailed(): BeckonError {
  return new BeckonError('open_failed', 'the private header does not open');
}
