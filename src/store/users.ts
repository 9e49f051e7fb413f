/** The users of our domains, with an index by device. */
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { domainName, hash, time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bool, bytes, field, list, optional, record, text, tuple, type ValueOf } from '../wire/schema.ts';
import type { Enrolment, NewInvitation, User, UserStatus, UserStore } from './api/users.ts';
import { equal } from './digest.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name } from './keys.ts';
import type { Watched } from './watched.ts';

const maxDevices = 32;
const maxUsers = 1_000_000;
const signed = bytes(1, 64 * 1024);

const invitationItem = record('user-invitation', {
  tokenHash: field(1, hash),
  expires: field(2, time),
  used: field(3, bool),
});

export const userRow = record('user', {
  domain: field(1, domainName),
  addressHash: field(2, hash),
  local: field(3, text(sizes.introductionLocal)),
  created: field(4, time),
  invitation: optional(5, invitationItem),
  record: optional(6, signed),
  listing: optional(7, signed),
  devices: field(8, list(bytes(sizes.ed25519Public), { max: maxDevices })),
  suspended: field(9, bool),
});
type UserRow = ValueOf<typeof userRow>;

export const deviceRow = tuple(domainName, hash);

export interface UserTables {
  readonly store: UserStore;
  count(): number;
  row(domain: string, addressHash: Uint8Array): User | undefined;
  /** The first of a domain. */
  first(domain: string): User | undefined;
  has(domain: string, addressHash: Uint8Array): boolean;
}

export interface UserParts {
  readonly engine: Engine;
  readonly watched: Watched;
  /** Whether the address is an alias of somebody. */
  readonly isAlias: (domain: string, addressHash: Uint8Array) => boolean;
  readonly clock: Clock;
}

export function createUsers({ engine, watched, isAlias, clock }: UserParts): UserTables {
  const users = engine.table('users', schemaCodec(userRow, 256 * 1024));
  const devices = engine.table('devices', schemaCodec(deviceRow));
  const keyOf = (domain: string, addressHash: Uint8Array) => joined(name(domain), addressHash);

  function enrolled(domain: string, addressHash: Uint8Array): UserRow {
    const row = users.get(keyOf(domain, addressHash));
    if (row?.record === undefined) throw new BeckonError('not_found', 'there is no such user here');
    return row;
  }

  function put(row: UserRow): void {
    users.put(keyOf(row.domain, row.addressHash), row);
    watched.touch(row.domain, row.addressHash);
  }

  function linkDevice(row: UserRow, device: Uint8Array): void {
    const [domain, addressHash] = devices.get(device) ?? [row.domain, row.addressHash];
    if (domain !== row.domain || !equal(addressHash, row.addressHash))
      throw new BeckonError('conflict', 'this device serves another user');
    devices.put(device, [row.domain, row.addressHash]);
  }

  function enroll(row: UserRow | undefined, { tokenHash, device, record: inner, now }: Enrolment): UserRow {
    const invitation = row?.invitation;
    if (row === undefined || invitation === undefined || !equal(invitation.tokenHash, tokenHash))
      throw refused();
    const repeated =
      row.record !== undefined &&
      equal(row.record, inner) &&
      row.devices.some((known) => equal(known, device));
    if (invitation.used && repeated) return row;
    if (invitation.used || invitation.expires <= now) throw refused();
    linkDevice(row, device);
    return { ...row, record: inner, devices: [device], invitation: { ...invitation, used: true } };
  }

  function invited(row: UserRow | undefined, domain: string, invitation: NewInvitation): UserRow {
    if (row?.record !== undefined) throw new BeckonError('exists', 'this user is enrolled already');
    const { addressHash, local, tokenHash, expires } = invitation;
    if (isAlias(domain, addressHash)) throw new BeckonError('exists', 'this address is an alias of a user');
    const fresh = { domain, addressHash, local, created: clock.seconds(), devices: [], suspended: false };
    return { ...(row ?? fresh), invitation: { tokenHash, expires, used: false } };
  }

  const store: UserStore = {
    async get(domain, addressHash) {
      const row = users.get(keyOf(domain, addressHash));
      return row && userOf(row);
    },
    async byDevice(device) {
      const place = device.length === sizes.ed25519Public ? devices.get(device) : undefined;
      const row = place && users.get(keyOf(...place));
      return row && userOf(row);
    },
    async list(domain) {
      const prefix = name(domain);
      const rows = users.range({ from: prefix, to: behind(prefix), limit: maxUsers });
      return rows.map(({ value }) => userOf(value));
    },
    invite: (domain, invitation) =>
      watched.write(() => put(invited(users.get(keyOf(domain, invitation.addressHash)), domain, invitation))),
    enroll: (domain, addressHash, enrolment) =>
      watched.write(() => {
        const row = enroll(users.get(keyOf(domain, addressHash)), enrolment);
        put(row);
        return userOf(row);
      }),
    putRecord: (domain, addressHash, change) =>
      watched.write(() => {
        const row = enrolled(domain, addressHash);
        if (!equal(row.record as Uint8Array, change.previous))
          throw new BeckonError('conflict', 'another record came in between');
        put({ ...row, record: change.record });
      }),
    putListing: (domain, addressHash, change) =>
      watched.write(() => {
        const row = users.get(keyOf(domain, addressHash));
        if (row?.record === undefined || !equal(row.record, change.record)) return false;
        put({ ...row, listing: change.listing });
        return true;
      }),
    suspend: (domain, addressHash, suspended) =>
      watched.write(() => {
        const row = users.get(keyOf(domain, addressHash));
        if (row === undefined) throw new BeckonError('not_found', 'there is no such user here');
        put({ ...row, suspended });
      }),
    addDevice: (domain, addressHash, device) =>
      watched.write(() => {
        const row = enrolled(domain, addressHash);
        if (row.devices.some((known) => equal(known, device))) return;
        linkDevice(row, device);
        put({ ...row, devices: [...row.devices, device] });
      }),
    removeDevice: (domain, addressHash, device) =>
      watched.write(() => {
        const row = enrolled(domain, addressHash);
        const left = row.devices.filter((known) => !equal(known, device));
        if (left.length === row.devices.length) return;
        devices.remove(device);
        put({ ...row, devices: left });
      }),
  };
  return {
    store,
    count: () => users.count(),
    row(domain, addressHash) {
      const row = users.get(keyOf(domain, addressHash));
      return row && userOf(row);
    },
    first(domain) {
      const prefix = name(domain);
      const [first] = users.range({ from: prefix, to: behind(prefix), limit: 1 });
      return first && userOf(first.value);
    },
    has: (domain, addressHash) => users.has(keyOf(domain, addressHash)),
  };
}

function refused(): BeckonError {
  return new BeckonError('invitation_invalid', 'the invitation is unknown, used or expired');
}

function statusOf(row: UserRow): UserStatus {
  if (row.suspended) return 'suspended';
  return row.record === undefined ? 'invited' : 'active';
}

function userOf(row: UserRow): User {
  const { domain, addressHash, local, created, invitation, record: inner, listing, devices } = row;
  return {
    domain,
    addressHash,
    local,
    status: statusOf(row),
    created,
    devices,
    ...(invitation === undefined || invitation.used ? {} : { invitedUntil: invitation.expires }),
    ...(inner === undefined ? {} : { record: inner }),
    ...(listing === undefined ? {} : { listing }),
  };
}
