/** addressing.md: introductions, recipient hashes, poll proofs, drops handed over. */
import type { Bytes } from './cbor.ts';
import { concat, decode, encode, encodeFields, plain, refuse, same, utf8 } from './cbor.ts';
import { context, exchange, hkdf, hmac, open, publicOf, seal } from './primitives.ts';

export const recipientHash = (pollKey: Uint8Array, domain: string): Bytes =>
  hkdf(pollKey, context('recipient-address', domain));

/** What both ends of an introduction know. */
export interface Introduction {
  readonly senderHash: Uint8Array;
  readonly senderKey: Uint8Array;
  readonly senderFingerprint: Uint8Array;
  readonly recipientHash: Uint8Array;
  readonly recipientKey: Uint8Array;
  readonly recipientDomain: string;
}

/** Section 3, for either end: one holds a, the other b. */
export function introductionDrop(own: Uint8Array, side: 'sender' | 'recipient', about: Introduction) {
  const shared = exchange(own, side === 'sender' ? about.recipientKey : about.senderKey);
  const { senderHash, senderFingerprint, senderKey, recipientDomain } = about;
  const info = context(
    'introduction',
    senderHash,
    about.recipientHash,
    senderFingerprint,
    senderKey,
    recipientDomain,
  );
  const s = hkdf(shared, info);
  return { s, pollKey: exchange(s, about.recipientKey) };
}

export async function sealIntroduction(
  about: { senderKey: Uint8Array; senderFingerprint: Uint8Array; senderLocal: string; senderDomain: string },
  to: { recipientKey: Uint8Array; recipientDomain: string; bucketField: number },
  randomness?: Uint8Array,
): Promise<Bytes> {
  const local = new Uint8Array(64);
  local.set(utf8(about.senderLocal));
  const field = Uint8Array.of(to.bucketField >> 8, to.bucketField & 255);
  const info = context('introduction seal', about.senderDomain, to.recipientDomain);
  const text = concat(about.senderKey, about.senderFingerprint, local);
  return concat(field, await seal('x25519', to.recipientKey, info, field, text, randomness));
}

export async function openIntroduction(
  introduction: Uint8Array,
  secret: Uint8Array,
  senderDomain: string,
  recipientDomain: string,
) {
  refuse(introduction.length !== 178 || (introduction[0] ?? 0) >> 4 !== 0, 'unsupported');
  const info = context('introduction seal', senderDomain, recipientDomain);
  const text = await open('x25519', secret, info, introduction.subarray(0, 2), introduction.subarray(2));
  const end = text.indexOf(0, 64);
  const local = new TextDecoder('utf-8', { fatal: true }).decode(text.subarray(64, end < 0 ? 128 : end));
  refuse(local === '' || (end >= 0 && text.subarray(end).some((byte) => byte !== 0)), 'padding_invalid');
  return {
    senderAddress: `${local}@${senderDomain}`,
    senderKey: plain(text.subarray(0, 32)),
    senderFingerprint: plain(text.subarray(32, 64)),
  };
}

export function bucket(addressingKey: Uint8Array, domain: string, bits: number) {
  const [high = 0, low = 0] = hkdf(addressingKey, context('bucket', domain), 2);
  const number = ((high << 4) | (low >> 4)) >> (12 - bits);
  return { field: number << (12 - bits), number };
}

export interface PollRequest {
  readonly domain: string;
  readonly keyId: Uint8Array;
  readonly time: number;
  readonly nonce: Uint8Array;
}

function proofOf(
  request: PollRequest,
  shared: Uint8Array,
  pollKey: Uint8Array,
  entry: Uint8Array,
  purpose: Purpose = 'poll request',
): Bytes {
  const key = hkdf(shared, context('poll', request.domain, pollKey, request.keyId));
  return hmac(key, context(purpose, request.time, request.nonce, entry)).slice(0, 16);
}

type Purpose = 'poll request' | 'preference request' | 'pull request' | 'blind request';

/** fetch.md section 9: the encoded preference-entry. @param shared X25519(p, D) */
export function preferenceEntry(
  request: PollRequest,
  shared: Uint8Array,
  pollKey: Uint8Array,
  wish: { counter: number; preference: number; until: number },
): Bytes {
  const fields = { 1: pollKey, 3: wish.counter, 4: wish.preference, 5: wish.until };
  const proof = proofOf(request, shared, pollKey, encodeFields(fields), 'preference request');
  return encodeFields({ ...fields, 2: proof });
}

/** account.md section 12: the encoded pull-entry. @param shared X25519(p, D) */
export function pullEntry(
  request: PollRequest,
  shared: Uint8Array,
  pollKey: Uint8Array,
  wish: {
    user: Uint8Array;
    until?: number | undefined;
    message?: readonly [string, Uint8Array] | undefined;
  },
): Bytes {
  const fields = { 1: pollKey, 3: wish.user, 4: wish.until, 5: wish.message };
  return encodeFields({
    ...fields,
    2: proofOf(request, shared, pollKey, encodeFields(fields), 'pull request'),
  });
}

/** fetch.md section 12: the encoded blind-entry. @param shared X25519(p, D) */
export function blindEntry(
  request: PollRequest,
  shared: Uint8Array,
  pollKey: Uint8Array,
  wanted: { sender: string; id: Uint8Array },
): Bytes {
  const fields = { 1: pollKey, 3: wanted.sender, 4: wanted.id };
  return encodeFields({
    ...fields,
    2: proofOf(request, shared, pollKey, encodeFields(fields), 'blind request'),
  });
}

/** Section 2: the encoded poll-entry. @param shared X25519(p, D) */
export function pollEntry(
  request: PollRequest,
  shared: Uint8Array,
  pollKey: Uint8Array,
  more: { done?: readonly Uint8Array[] | undefined; after?: Uint8Array | undefined } = {},
): Bytes {
  const fields = { 1: pollKey, 3: more.done?.map((id) => [id, 0]), 4: more.after };
  return encodeFields({ ...fields, 2: proofOf(request, shared, pollKey, encodeFields(fields)) });
}

/** @param secret d, the domain's private poll key */
export function checkEntry(
  request: PollRequest,
  secret: Uint8Array,
  entry: Uint8Array,
  purpose: Purpose = 'poll request',
): boolean {
  const fields = decode(entry) as Map<number, unknown>;
  const pollKey = fields.get(1) as Uint8Array;
  const proof = fields.get(2) as Uint8Array;
  fields.delete(2);
  if ((pollKey[31] ?? 0) > 127) return false; // not canonical
  try {
    return same(proof, proofOf(request, exchange(secret, pollKey), pollKey, encode(fields), purpose));
  } catch {
    return false; // a poll key of small order
  }
}

export function deriveDrop(master: Uint8Array, epoch: Uint8Array, chain: Uint8Array, n: number) {
  const scalar = hkdf(master, context('drop-poll', epoch, n));
  const sealingSeed = hkdf(chain, context('drop-seal', epoch, n));
  return {
    scalar,
    pollKey: publicOf('x25519', scalar),
    sealingSeed,
    sealingKey: publicOf('xwing', sealingSeed),
    nextChain: hkdf(chain, context('drop-chain', epoch, n)),
  };
}
