/** The small items that many structures share, wire-spec/README.md section 6. */
import { checkAddress } from './address.ts';
import { checkDomain, maxDomainLength } from './domain-name.ts';
import { sizes } from './registry.ts';
import { bytes, text, uint } from './schema.ts';

export const domainName = text(maxDomainLength, 1, checkDomain);
export const addressText = text(sizes.introductionLocal + 1 + maxDomainLength, 3, checkAddress);
export const hash = bytes(sizes.hash);
export const keyId = bytes(sizes.keyId);
export const messageId = bytes(sizes.messageId);
export const letterId = bytes(sizes.letterId);
/** Unix time in seconds, below 2^40. */
export const time = uint(2 ** 40 - 1);
export const serial = uint(2 ** 40 - 1);
export const suite = uint(255);
/** Length of a payload or plaintext in bytes. */
export const length = uint(2 ** 50);
export const mediaType = text(127, 3);
