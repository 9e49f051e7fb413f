/** Mail sealed to the bridge key of the sender's own domain: wire-spec/bridges.md section 3. */
import { hpkeOpen, hpkeOverhead, hpkeSeal } from '../crypto/hpke.ts';
import type { Random } from '../crypto/random.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError } from '../errors.ts';
import { context } from '../wire/context.ts';
import { mailSubmission, type MailSubmission } from '../wire/mail-submission.ts';
import { pad, paddedCapacity, unpad } from '../wire/padding.ts';
import { sizes } from '../wire/registry.ts';
import { decode, encode } from '../wire/schema.ts';

/** The bridge key that it is sealed to. */
export interface MailBinding {
  /** The sender's own domain. */
  readonly domain: string;
  readonly keyId: Uint8Array;
}

const overhead = hpkeOverhead('xwing');
const nothing = new Uint8Array(0);

function infoOf({ domain, keyId }: MailBinding): Uint8Array {
  return context('mail', domain, keyId);
}

/** Seals mail to a bridge key (1216 bytes), in the fewest units of 4096 bytes. Throws `cbor_too_large`, `key_invalid`. */
export function sealMail(
  mail: MailSubmission,
  bridgeKey: Uint8Array,
  binding: MailBinding,
  random: Random,
): Uint8Array {
  const content = encode(mailSubmission, mail);
  let units = 1;
  while (units < sizes.mailMaxUnits && paddedCapacity(units * sizes.mailUnit - overhead) < content.length)
    units++;
  const plaintext = pad(content, units * sizes.mailUnit - overhead);
  return hpkeSeal('xwing', bridgeKey, infoOf(binding), nothing, plaintext, random);
}

/** Opens it with the X-Wing seed of the bridge key. Throws `open_failed`; `padding_invalid`, `cbor_*`, `address_invalid` for what a seal held that was none. */
export function openMail(sealed: Uint8Array, seed: Secret, binding: MailBinding): MailSubmission {
  const units = sealed.length / sizes.mailUnit;
  if (!Number.isInteger(units) || units < 1 || units > sizes.mailMaxUnits)
    throw new BeckonError('open_failed', 'this is no sealed mail');
  const plaintext = hpkeOpen('xwing', seed.expose(), infoOf(binding), nothing, sealed);
  return decode(mailSubmission, unpad(plaintext));
}
