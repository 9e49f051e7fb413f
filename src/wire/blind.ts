/** What a domain pulls for its users, and how they read it: wire-spec/account.md section 12 and fetch.md section 12. */
import { domainName, hash, keyId, length, messageId, time } from './items.ts';
import { sizes } from './registry.ts';
import { bytes, field, optional, record, tuple, type ValueOf } from './schema.ts';

const unprovenPull = {
  pollKey: field(1, bytes(sizes.x25519Public)),
  /** Address hash of who asks: no other account can use the proof. */
  user: field(3, hash),
  /** All refs for the drop, until then; 0: no more. */
  until: optional(4, time),
  /** `[sending domain, message id]`: this one, at once. */
  message: optional(5, tuple(domainName, messageId)),
};

export const pullEntry = record('pull-entry', { ...unprovenPull, proof: field(2, bytes(sizes.pollProof)) });
export type PullEntry = ValueOf<typeof pullEntry>;
/** The entry without its proof: what the proof is made over (wire-spec/addressing.md section 2). */
export const unprovenPullEntry = record('pull-entry', unprovenPull);

const unprovenBlind = {
  pollKey: field(1, bytes(sizes.x25519Public)),
  sender: field(3, domainName),
  id: field(4, messageId),
};

export const blindEntry = record('blind-entry', {
  ...unprovenBlind,
  proof: field(2, bytes(sizes.pollProof)),
});
export type BlindEntry = ValueOf<typeof blindEntry>;
export const unprovenBlindEntry = record('blind-entry', unprovenBlind);

export const blindRequest = record('blind-request', {
  time: field(1, time),
  nonce: field(2, bytes(sizes.pollNonce)),
  keyId: field(3, keyId),
  entry: field(4, blindEntry),
  /** Of the payload: from this byte on. */
  start: optional(5, length),
});
export type BlindRequest = ValueOf<typeof blindRequest>;

/** The most bytes of a blind-request, and of a pull-entry. */
export const maxBlindRequest = 1024;
export const maxPullEntry = 512;
