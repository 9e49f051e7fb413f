/** What a user hands to a gateway of their domain, so that it may speak for them: wire-spec/account.md section 14. */
import { addressText, hash, keyId } from './items.ts';
import { counts, sizes } from './registry.ts';
import { bytes, field, list, optional, record, text, uint, type ValueOf } from './schema.ts';

const secret = bytes(32);

export const gatewayKeys = record('gateway-keys', {
  address: field(1, addressText),
  fingerprint: field(2, hash),
  /** Ed25519 seed of the gateway's own device key. */
  deviceKey: field(3, secret),
  stateKey: field(4, secret),
});
export type GatewayKeys = ValueOf<typeof gatewayKeys>;

/** Those keys under a password. */
export const gatewayWrap = record('gateway-wrap', {
  memory: field(1, uint(2 ** 32 - 1)),
  passes: field(2, uint(2 ** 32 - 1)),
  salt: field(3, bytes(16)),
  nonce: field(4, bytes(24)),
  sealed: field(5, bytes(sizes.gatewayKeysSealed)),
});
export type GatewayWrap = ValueOf<typeof gatewayWrap>;

export const pushRule = record('push-rule', {
  kind: field(1, uint(255)),
  match: field(2, text(305, 0)),
  folder: field(3, text(256)),
});
export type PushRule = ValueOf<typeof pushRule>;

/** Where messages are copied to, and with what. */
export const gatewayPush = record('gateway-push', {
  keys: field(1, gatewayKeys),
  host: field(2, text(255)),
  port: field(3, uint(65_535)),
  user: field(4, text(320)),
  password: field(5, text(1024)),
  folder: field(6, text(256)),
  rules: field(7, list(pushRule, { max: counts.pushRules })),
  /** Where copies of what the user sent go. */
  sentFolder: optional(8, text(256)),
});
export type GatewayPush = ValueOf<typeof gatewayPush>;

/** As it travels: sealed to an envelope key of the domain. */
export const sealedPush = record('sealed-push', {
  keyId: field(1, keyId),
  sealed: field(2, bytes(sizes.gatewayPushSealed)),
});
export type SealedPush = ValueOf<typeof sealedPush>;
