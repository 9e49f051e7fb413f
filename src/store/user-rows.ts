/** The rows of users, and what the rest of the daemon sees of them. */
import { domainName, hash, time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bool, bytes, field, list, optional, record, text, uint, type ValueOf } from '../wire/schema.ts';
import type { Device, SignerKind, User, UserStatus } from './api/users.ts';

/** Above what a user may have: the caps of a version to come may be higher. */
const maxSigners = 64;
const signed = bytes(1, 64 * 1024);
const publicKey = bytes(sizes.ed25519Public);

const invitationItem = record('user-invitation', {
  tokenHash: field(1, hash),
  expires: field(2, time),
  used: field(3, bool),
});

const signerItem = record('user-signer', {
  device: field(1, publicKey),
  kind: field(2, uint(255)),
  name: field(3, text(256, 0)),
  added: field(4, time),
  /** Of a pairing, as are the following: */
  expires: optional(5, time),
  /** the device that opened it, */
  by: optional(6, publicKey),
  /** and the one that it added. */
  used: optional(7, publicKey),
});
export type SignerItem = ValueOf<typeof signerItem>;

export const userRow = record('user', {
  domain: field(1, domainName),
  addressHash: field(2, hash),
  local: field(3, text(sizes.introductionLocal)),
  created: field(4, time),
  invitation: optional(5, invitationItem),
  record: optional(6, signed),
  /** As version 0.1 signed and kept it; goes with the next change of keys. */
  listing: optional(7, signed),
  /** Devices without names, as versions before `signers` wrote them; empty since. */
  nameless: field(8, list(publicKey, { max: 32 })),
  suspended: field(9, bool),
  signers: optional(10, list(signerItem, { max: maxSigners })),
  /** When the user was removed. */
  gone: optional(11, time),
  /** The domain holds the keys. */
  held: optional(12, bool),
});
export type UserRow = ValueOf<typeof userRow>;

const kinds: readonly SignerKind[] = ['device', 'recovery', 'pairing', 'gateway'];

export function kindNumber(kind: SignerKind): number {
  return kinds.indexOf(kind);
}

/** Those of kinds that this version does not know are left alone. */
export function signersOf({ signers, nameless, created }: UserRow): readonly SignerItem[] {
  const kind = kindNumber('device');
  return signers ?? nameless.map((device) => ({ device, kind, name: '', added: created }));
}

export function withSigners(row: UserRow, signers: readonly SignerItem[]): UserRow {
  return { ...row, nameless: [], signers };
}

export function deviceOf({ device, kind, name, added, expires, used }: SignerItem): Device | undefined {
  const known = kinds[kind];
  if (known === undefined) return undefined;
  const ends = expires === undefined ? {} : { expires };
  return { device, kind: known, name, added, ...ends, ...(used === undefined ? {} : { used: true }) };
}

function statusOf(row: UserRow): UserStatus {
  if (row.gone !== undefined) return row.invitation === undefined ? 'gone' : 'invited';
  if (row.suspended) return 'suspended';
  return row.record === undefined ? 'invited' : 'active';
}

export function userOf(row: UserRow): User {
  const { domain, addressHash, local, created, invitation, record: inner, gone } = row;
  return {
    domain,
    addressHash,
    local,
    status: statusOf(row),
    created,
    devices: signersOf(row).flatMap((signer) => deviceOf(signer) ?? []),
    ...(invitation === undefined || invitation.used ? {} : { invitedUntil: invitation.expires }),
    ...(inner === undefined ? {} : { record: inner }),
    ...(gone === undefined ? {} : { gone }),
    ...(row.held === true ? { held: true } : {}),
  };
}
