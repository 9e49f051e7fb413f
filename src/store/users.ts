/** The users of our domains, with an index by device. */
import { BeckonError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { domainName, hash } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { tuple } from '../wire/schema.ts';
import type { Device, Enrolment, NewInvitation, User, UserStore } from './api/users.ts';
import type { Owner } from './api/terms.ts';
import { equal } from './digest.ts';
import { schemaCodec, type Engine } from './engine.ts';
import { behind, joined, name } from './keys.ts';
import { enrolledSigners, find, withDevice, withoutDevice, withPairing, withRecovery } from './signers.ts';
import {
  deviceOf,
  signersOf,
  userOf,
  userRow,
  withSigners,
  type SignerItem,
  type UserRow,
} from './user-rows.ts';
import type { Watched } from './watched.ts';

const maxUsers = 1_000_000;

export const deviceRow = tuple(domainName, hash);

export interface UserTables {
  readonly store: UserStore;
  count(): number;
  row(domain: string, addressHash: Uint8Array): User | undefined;
  /** The first of a domain. */
  first(domain: string): User | undefined;
  has(domain: string, addressHash: Uint8Array): boolean;
  /** Inside a write: other keys speak for a user. Throws `not_found`, `conflict`. */
  changeSigners(owner: Owner, step: (signers: readonly SignerItem[]) => readonly SignerItem[]): void;
}

export interface UserParts {
  readonly engine: Engine;
  readonly watched: Watched;
  /** Whether the address is an alias of somebody. */
  readonly isAlias: (domain: string, addressHash: Uint8Array) => boolean;
  /** Within a write: what else of a user goes, when they begin anew or leave. */
  readonly forget: (owner: Owner, how: 'anew' | 'leaves') => void;
  /** Within a write: a key does not speak for its user any more. */
  readonly signerGone: (owner: Owner, device: Uint8Array) => void;
  readonly clock: Clock;
}

export function createUsers({ engine, watched, isAlias, forget, signerGone, clock }: UserParts): UserTables {
  const users = engine.table('users', schemaCodec(userRow, 256 * 1024));
  const devices = engine.table('devices', schemaCodec(deviceRow));
  const keyOf = (domain: string, addressHash: Uint8Array) => joined(name(domain), addressHash);

  function enrolled(domain: string, addressHash: Uint8Array): UserRow {
    const row = users.get(keyOf(domain, addressHash));
    if (row?.record === undefined || row.gone !== undefined)
      throw new BeckonError('not_found', 'there is no such user here');
    return row;
  }

  /** Throws `conflict` for a user that only the domain itself may change. */
  function expectOwn(row: UserRow): UserRow {
    if (row.held === true)
      throw new BeckonError(
        'conflict',
        'this is the bridge user of the domain: beckon domain set --bridge off ends it',
      );
    return row;
  }

  /** Devices and invitations are nobody's business: an answer that is made anew takes longer than a remembered one. */
  function put(row: UserRow): void {
    const key = keyOf(row.domain, row.addressHash);
    const before = users.get(key);
    users.put(key, row);
    if (isPublishedOtherwise(before, row)) watched.touch(row.domain, row.addressHash);
  }

  /** Sets who speaks for a user, in the row and in the index. Throws `conflict` where a key serves another user. */
  function putSigners(row: UserRow, next: readonly SignerItem[]): void {
    const before = signersOf(row);
    for (const { device } of before) {
      if (find(next, device) !== undefined) continue;
      devices.remove(device);
      signerGone({ domain: row.domain, user: row.addressHash }, device);
    }
    for (const { device } of next) linkDevice(row, device);
    put(withSigners(row, next));
  }

  function change(
    domain: string,
    addressHash: Uint8Array,
    step: (signers: readonly SignerItem[]) => readonly SignerItem[],
  ): Promise<readonly SignerItem[]> {
    return watched.write(() => changed(enrolled(domain, addressHash), step));
  }

  function changed(
    row: UserRow,
    step: (signers: readonly SignerItem[]) => readonly SignerItem[],
  ): readonly SignerItem[] {
    const before = signersOf(row);
    const next = step(before);
    if (next !== before) putSigners(row, next);
    return next;
  }

  function linkDevice(row: UserRow, device: Uint8Array): void {
    const [domain, addressHash] = devices.get(device) ?? [row.domain, row.addressHash];
    if (domain !== row.domain || !equal(addressHash, row.addressHash))
      throw new BeckonError('conflict', 'this device serves another user');
    devices.put(device, [row.domain, row.addressHash]);
  }

  function enroll(row: UserRow | undefined, enrolment: Enrolment): UserRow {
    const { tokenHash, device, record: inner, now } = enrolment;
    const invitation = row?.invitation;
    if (row === undefined || invitation === undefined || !equal(invitation.tokenHash, tokenHash))
      throw refused();
    const repeated =
      row.record !== undefined && equal(row.record, inner) && find(signersOf(row), device) !== undefined;
    if (invitation.used && repeated) return row;
    if (invitation.used || invitation.expires <= now) throw refused();
    expectReplaced(row, enrolment);
    if (row.record !== undefined) forget({ domain: row.domain, user: row.addressHash }, 'anew');
    const { listing: _, gone: __, ...kept } = row;
    const next = { ...kept, record: inner, suspended: false, invitation: { ...invitation, used: true } };
    putSigners(next, enrolledSigners(enrolment));
    return users.get(keyOf(row.domain, row.addressHash)) as UserRow;
  }

  function invited(row: UserRow | undefined, domain: string, invitation: NewInvitation): UserRow {
    if (row?.record !== undefined && row.gone === undefined)
      throw new BeckonError('exists', 'this user is enrolled already');
    const { addressHash, local, tokenHash, expires } = invitation;
    if (isAlias(domain, addressHash)) throw new BeckonError('exists', 'this address is an alias of a user');
    const fresh = { domain, addressHash, local, created: clock.seconds(), nameless: [], suspended: false };
    return { ...(row ?? fresh), invitation: { tokenHash, expires, used: false } };
  }

  /** A row that has no keys any more: the record stays, so that the next one of the address can follow it. */
  function remove(row: UserRow): void {
    putSigners(row, []);
    if (row.record === undefined) return users.remove(keyOf(row.domain, row.addressHash));
    forget({ domain: row.domain, user: row.addressHash }, 'leaves');
    const { listing: _, invitation: __, ...kept } = row;
    put({ ...kept, nameless: [], signers: [], suspended: false, gone: row.gone ?? clock.seconds() });
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
    reinvite: (domain, { addressHash, tokenHash, expires, suspend }) =>
      watched.write(() => {
        const row = expectOwn(enrolled(domain, addressHash));
        put({
          ...row,
          suspended: row.suspended || suspend,
          invitation: { tokenHash, expires, used: false },
        });
      }),
    remove: (domain, addressHash) =>
      watched.write(() => {
        const row = users.get(keyOf(domain, addressHash));
        if (row === undefined) throw new BeckonError('not_found', 'there is no such user here');
        remove(expectOwn(row));
      }),
    enroll: (domain, addressHash, enrolment) =>
      watched.write(() => userOf(enroll(users.get(keyOf(domain, addressHash)), enrolment))),
    putRecord: (domain, addressHash, change) =>
      watched.write(() => {
        const row = enrolled(domain, addressHash);
        if (!equal(row.record as Uint8Array, change.previous))
          throw new BeckonError('conflict', 'another record came in between');
        put({ ...row, record: change.record });
      }),
    putHeld: (domain, { addressHash, local, record }) =>
      watched.write(() => {
        const row = users.get(keyOf(domain, addressHash));
        if ((row !== undefined && row.held !== true) || isAlias(domain, addressHash))
          throw new BeckonError('exists', 'the address is somebody’s');
        const fresh = {
          domain,
          addressHash,
          local,
          created: clock.seconds(),
          nameless: [],
          suspended: false,
        };
        put({ ...(row ?? fresh), record, held: true });
      }),
    suspend: (domain, addressHash, suspended) =>
      watched.write(() => {
        const row = users.get(keyOf(domain, addressHash));
        if (row === undefined) throw new BeckonError('not_found', 'there is no such user here');
        const { invitation, ...rest } = expectOwn(row);
        // Who uses an invitation is let in again: one of before must not take the suspension back.
        const isOpen = invitation?.used === false;
        put({ ...(suspended && isOpen ? rest : row), suspended });
      }),
    async addDevice(domain, addressHash, device) {
      const signers = await change(domain, addressHash, (before) => withDevice(before, device));
      return found(signers, device.device);
    },
    async removeDevice(domain, addressHash, { device, by }) {
      await change(domain, addressHash, (before) => withoutDevice(before, device, by));
    },
    async setRecovery(domain, addressHash, recovery) {
      await change(domain, addressHash, (before) => withRecovery(before, recovery));
    },
    async openPairing(domain, addressHash, pairing) {
      const signers = await change(domain, addressHash, (before) => withPairing(before, pairing));
      return found(signers, pairing.pairing);
    },
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
    changeSigners: ({ domain, user }, step) => void changed(enrolled(domain, user), step),
  };
}

function isPublishedOtherwise(before: UserRow | undefined, { record, gone, suspended }: UserRow): boolean {
  if (before?.record === undefined || record === undefined) return before?.record !== record;
  return before.gone !== gone || before.suspended !== suspended || !equal(before.record, record);
}

/** Of a user who was removed nothing is claimed: the last record is of the past. */
function expectReplaced({ record: stored, gone }: UserRow, { replaces }: Enrolment): void {
  const expected = gone === undefined ? stored : undefined;
  const agrees = expected === undefined || (replaces !== undefined && equal(expected, replaces));
  if (!agrees)
    throw new BeckonError('conflict', 'another record is listed than the one that this one follows');
}

function refused(): BeckonError {
  return new BeckonError('invitation_invalid', 'the invitation is unknown, used or expired');
}

function found(signers: readonly SignerItem[], device: Uint8Array): Device {
  const signer = find(signers, device);
  const known = signer && deviceOf(signer);
  if (known === undefined) throw new BeckonError('state_invalid', 'a device is of a kind that is not known');
  return known;
}
