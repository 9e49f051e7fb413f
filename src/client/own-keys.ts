/**
 * The life of the user's own keys, wire-spec/keys.md section 5.
 *
 *  1. what was signed and did not arrive is published, with the same bytes
 *  2. when the keys are a month old, or the record nears its end: new keys, and records for the address and its aliases
 *  3. both are durable before anyone sees them
 *  4. the domain takes them; where that breaks off the next time begins with 1
 *  5. where another device was faster, what is signed follows its record
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import { codeOf, type ErrorCode } from '../errors.ts';
import { addressHash } from '../keys/fingerprints.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { nextSerial } from '../keys/serial.ts';
import { userKeysToJson } from '../keys/user-key-file.ts';
import type { UserKeys } from '../keys/user-keys.ts';
import { nextRotation, revokeUserKeys, rotateUserKeys } from '../keys/user-life.ts';
import { signUserRecord, verifyInnerRecord } from '../keys/user-record.ts';
import { checkAddress, splitAddress } from '../wire/address.ts';
import {
  currentRecords,
  mainRecord,
  ownAddresses,
  ownRecords,
  saysBridged,
  signedRecord,
} from './own-records.ts';
import type { OwnDomain } from './own-domain.ts';
import { nextSecrets, type SecretsStore } from './secrets.ts';
import type { ClientState, SignedRecord } from './state.ts';
import type { Session } from './store.ts';

export interface OwnKeysParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly own: Pick<OwnDomain, 'putRecord' | 'user'>;
  /** Resolves when the state is also where other devices of the user find it. */
  readonly shared: () => Promise<void>;
  /** Takes over what other devices of the user shared meanwhile. */
  readonly learn: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface OwnKeys {
  /**
   * Does what is due. What the domain does not take now waits for the next time; throws `storage_failed`.
   */
  upkeep(): Promise<void>;
  /** After theft: new keys and drops at once, the old ones void. Throws network codes: the next `upkeep` goes on from there. */
  revoke(): Promise<void>;
  /** Whether the user's messages are copied into a store in plain text: their records say so. Throws network codes, and then `upkeep` goes on. */
  setBridged(on: boolean): Promise<void>;
  /** Takes over which aliases the domain gives the user, each with a record of its own. What fails waits for the next time; throws `storage_failed`. */
  takeAliases(): Promise<void>;
}

/** How long before its end a record is renewed though its keys did not rotate, in seconds. */
const renewal = 30 * 86_400;
/** All else is tried again the next time, and must not keep messages from being read. */
const telling: readonly ErrorCode[] = ['storage_failed', 'state_invalid', 'internal'];

export function createOwnKeys(parts: OwnKeysParts): OwnKeys {
  const { session, secrets, own, shared, learn, clock, random } = parts;

  async function publish(): Promise<void> {
    const waiting = currentRecords(session.state()).filter(({ published }) => published === undefined);
    if (waiting.length > 0) await shared();
    for (const record of waiting) await put(record).catch((error: unknown) => putBehind(record, error));
  }

  async function put({ record, fingerprint }: SignedRecord): Promise<void> {
    await own.putRecord(base64urlnopad.decode(record));
    await session.commit({ type: 'record-published', fingerprint, at: clock.seconds() });
  }

  /** Another device published a record meanwhile: ours follows that one. */
  async function putBehind({ address, fingerprint }: SignedRecord, error: unknown): Promise<void> {
    if (!['conflict', 'record_rollback'].includes(codeOf(error))) throw error;
    await learn();
    const current = currentRecords(session.state()).find((record) => record.address === address);
    if (current === undefined || current.fingerprint !== fingerprint) return await publish();
    const listed = await listedRecord(address);
    if (listed === undefined) throw error;
    const serial = Math.max(listed.serial, current.serial);
    const record = recordFor(address, { ...listed, serial }, session.keys(), clock.seconds(), voidSince());
    await session.commit({ type: 'records-signed', records: [record] });
    await shared();
    await put(record);
  }

  /** What the domain has, where this identity signed it. */
  async function listedRecord(address: string): Promise<SignedRecord | undefined> {
    const { record, aliases } = await own.user();
    const isMain = address === session.state().address;
    const inner = isMain ? record : aliases.find((alias) => alias.address === address)?.record;
    if (inner === undefined) return undefined;
    const { domain, identityFingerprint } = session.keys();
    const expected = { domain, addressHash: addressHash(address), now: clock.seconds() };
    const verified = verifyInnerRecord(inner, expected);
    return constantTimeEqual(verified.identityFingerprint, identityFingerprint)
      ? signedRecord(address, inner)
      : undefined;
  }

  function voidSince(): number | undefined {
    const all = Object.values(ownRecords(session.state())).map(({ dropsSince = 0 }) => dropsSince);
    return Math.max(...all) || undefined;
  }

  async function rotateWhenDue(): Promise<void> {
    const state = session.state();
    const now = clock.seconds();
    const { created, expires } = mainRecord(state);
    if (state.rotateAt === undefined)
      await session.commit({ type: 'rotation-planned', at: nextRotation(created, draw()) });
    const due = Math.min(session.state().rotateAt ?? expires, expires - renewal);
    if (now >= due) await renew(rotateUserKeys(session.keys(), random, now), now);
  }

  async function renew(keys: UserKeys, now: number, revoking?: { readonly at: number }): Promise<void> {
    const records = recordsFor(session.state(), keys, now, revoking?.at ?? voidSince());
    const source = revoking === undefined ? undefined : await otherSource(revoking.at);
    await session.commit({
      type: 'records-signed',
      records,
      keys: { userKeys: userKeysToJson(keys), rotateAt: nextRotation(now, draw()) },
      ...(source === undefined ? {} : { revoking: source }),
    });
    await publish();
  }

  /** The thief has master and chain: what is handed out from now on comes from others. */
  async function otherSource(at: number): Promise<{ at: number; master: string; epoch: string }> {
    const epoch = await nextSecrets(secrets, session.state().epoch, random);
    return { at, master: bytesToJson(random(32)), epoch: bytesToJson(epoch) };
  }

  /** A domain cannot give addresses of others. */
  function isAtHome(address: string): boolean {
    try {
      checkAddress(address);
      return splitAddress(address).domain === session.keys().domain;
    } catch {
      return false;
    }
  }

  function draw(): number {
    return random(4).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  return {
    async upkeep() {
      try {
        await publish();
        await rotateWhenDue();
      } catch (error) {
        if (telling.includes(codeOf(error))) throw error;
      }
    },
    async revoke() {
      const now = clock.seconds();
      await renew(revokeUserKeys(session.keys(), random, now), now, { at: now });
    },
    async setBridged(on) {
      const now = clock.seconds();
      const records = currentRecords(session.state())
        .filter(({ record }) => saysBridged(record) !== on)
        .map((before) => recordFor(before.address, before, session.keys(), now, voidSince(), on));
      if (records.length > 0) await session.commit({ type: 'records-signed', records });
      await publish();
    },
    async takeAliases() {
      try {
        const { aliases } = await own.user();
        const addresses = aliases.map(({ address }) => address).filter(isAtHome);
        await session.commit({ type: 'aliases-listed', addresses });
        const known = ownAddresses(session.state());
        const now = clock.seconds();
        const records = aliases
          .filter(({ address }) => addresses.includes(address) && !known.includes(address))
          .map(({ address, record }) => {
            const before = record && signedRecord(address, record);
            const bridged = saysBridged(session.state().record);
            return recordFor(address, before, session.keys(), now, voidSince(), bridged);
          });
        if (records.length > 0) await session.commit({ type: 'records-signed', records });
        await publish();
      } catch (error) {
        if (telling.includes(codeOf(error))) throw error;
      }
    },
  };
}

function recordsFor(
  state: ClientState,
  keys: UserKeys,
  now: number,
  dropsSince: number | undefined,
): readonly SignedRecord[] {
  return currentRecords(state).map((before) => recordFor(before.address, before, keys, now, dropsSince));
}

/** The record after `before`. Throws `record_invalid` where that one is more than a day ahead of the clock. */
function recordFor(
  address: string,
  before: SignedRecord | undefined,
  keys: UserKeys,
  now: number,
  dropsSince: number | undefined,
  bridged = before !== undefined && saysBridged(before.record),
): SignedRecord {
  const inner = signUserRecord({
    keys,
    address,
    serial: nextSerial(before?.serial, now),
    ...(before === undefined ? {} : { previous: base64urlnopad.decode(before.fingerprint) }),
    ...(dropsSince === undefined ? {} : { dropsSince }),
    ...(bridged ? { bridged } : {}),
    now,
  });
  return signedRecord(address, inner);
}
