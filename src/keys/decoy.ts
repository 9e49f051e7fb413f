/**
 * Decoys: user records for addresses that nobody has, derived from one secret of the domain, wire-spec/keys.md section 8. Every record
 * of a decoy's life follows from secret, domain and address hash, so that restarts, backups and other hosts go on with the same life.
 *
 *  1. life      a key for the address (and, where a user went before it, for their last record), and habits
 *  2. material  for each record: seeds of its keys, five draws, and a hash for the first
 *  3. times     young lives change often and become settled; settled ones rotate as clients do, and some time lose their keys
 *  4. record    signed as a client signs it, naming the one before
 */
import { hkdf } from '../crypto/kdf.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { context } from '../wire/context.ts';
import { recordFingerprint } from './fingerprints.ts';
import { secretLength } from './key-pair.ts';
import { createUserKeys, type UserKeys } from './user-keys.ts';
import { nextRotation, partOf, rotateUserKeys } from './user-life.ts';
import { signUserRecord } from './user-record.ts';

/** What all decoys of a domain come from. It outlives the domain's keys. */
export interface DecoyRoot {
  /** 32 bytes. */
  readonly secret: Secret;
  /** No decoy is older than this: when the domain began, seconds. */
  readonly start: number;
}

/** The last record of whom the domain listed before and does not list any more. */
export interface Predecessor {
  readonly inner: Uint8Array;
  readonly serial: number;
  readonly created: number;
  /** When they went, seconds. */
  readonly gone: number;
}

export interface DecoyLife {
  readonly root: DecoyRoot;
  readonly domain: string;
  readonly addressHash: Uint8Array;
  readonly after?: Predecessor;
}

/** One record of a life. */
export interface DecoyRecord {
  readonly inner: Uint8Array;
  readonly created: number;
  /** From when on the domain lists it: `created`, or a moment later, as it takes to come from a client. */
  readonly listed: number;
}

/** A fresh root; `random` is asked once for 32 bytes. */
export function createDecoyRoot(start: number, random: Random): DecoyRoot {
  return { secret: new Secret(random(secretLength)), start };
}

/** How the address keeps time: the second of the day at which its listing is signed anew, and how late its client may be. */
export interface Habits {
  readonly listingOffset: number;
  /** Its rotations come later than due by less than this, seconds. */
  readonly lateness: number;
}

const day = 86_400;

/** Habits of an address, also of one that has a user: its listing keeps its second of the day. */
export function habitsOf({ root, domain, addressHash }: Omit<DecoyLife, 'after'>): Habits {
  const material = hkdf(lifeKey({ root, domain, addressHash }), context('decoy habits', domain), 8);
  return {
    listingOffset: partOf(day, numberAt(material, 0)),
    lateness: 2 ** (leastLateness + (numberAt(material, 4) % latenessSteps)),
  };
}

/** From a minute to three days. */
const leastLateness = 6;
const latenessSteps = 13;
/** In the first quarter of an hour of a domain all decoys come to be. */
const firstRecords = 900;
/** Longer than this no life is young. A record settles a young life with the likelihood age / longestYouth: as users sign up. */
const longestYouth = 2 ** 21;
/** Of 2^32: one rotation in 32 is the loss of all keys. */
const losesKeys = 2 ** 27;
/** Seconds between signing and listing are fewer than this. */
const wayToDomain = 3;

/** All records of a life, the oldest first, without end: the caller stops at the first that is not listed yet. */
export function* decoyRecords(life: DecoyLife): Generator<DecoyRecord, never, undefined> {
  const key = lifeKey(life);
  const { lateness } = habitsOf(life);
  let state = firstState(life, materialOf(key, life.domain, 0), lateness);
  for (let n = 1; ; n++) {
    yield state.record;
    state = nextState(life, state, materialOf(key, life.domain, n), lateness);
  }
}

interface State {
  readonly record: DecoyRecord;
  readonly keys: UserKeys;
  readonly serial: number;
  readonly settled: boolean;
}

interface Material {
  /** Seeds: identity, addressing, sealing. */
  readonly identity: Uint8Array;
  readonly addressing: Uint8Array;
  readonly sealing: Uint8Array;
  /** Numbers below 2^32. */
  readonly interval: number;
  readonly loss: number;
  readonly settling: number;
  readonly late: number;
  readonly way: number;
  /** The hash of a record that nobody has seen: enrolments of a domain with decoys follow something. */
  readonly unseen: Uint8Array;
}

function lifeKey({ root, domain, addressHash, after }: DecoyLife): Uint8Array {
  const info =
    after === undefined
      ? context('decoy', domain, addressHash)
      : context('decoy', domain, addressHash, recordFingerprint(after.inner));
  return hkdf(root.secret.expose(), info);
}

function materialOf(key: Uint8Array, domain: string, n: number): Material {
  const bytes = hkdf(key, context('decoy record', domain, n), 148);
  return {
    identity: bytes.slice(0, 32),
    addressing: bytes.slice(32, 64),
    sealing: bytes.slice(64, 96),
    interval: numberAt(bytes, 96),
    loss: numberAt(bytes, 100),
    settling: numberAt(bytes, 104),
    late: numberAt(bytes, 108),
    way: numberAt(bytes, 112),
    unseen: bytes.slice(116, 148),
  };
}

function firstState(life: DecoyLife, material: Material, lateness: number): State {
  const { root, domain, after } = life;
  const created =
    after === undefined
      ? root.start + partOf(firstRecords, material.interval)
      : Math.max(nextRotation(after.created, material.interval), after.gone) +
        partOf(lateness, material.late);
  const keys = createUserKeys(
    domain,
    fromSeeds(material.identity, material.addressing, material.sealing),
    created,
  );
  const serial = nextSerialAt(after?.serial, created);
  const previous = after === undefined ? material.unseen : recordFingerprint(after.inner);
  const settled = after !== undefined || settles(root, created, material);
  return {
    record: signed(life, { keys, serial, previous, created, way: material.way }),
    keys,
    serial,
    settled,
  };
}

function nextState(life: DecoyLife, before: State, material: Material, lateness: number): State {
  const { root, domain } = life;
  const last = before.record.created;
  const age = ageOf(root, last);
  const young = !before.settled && age < longestYouth;
  const created = young
    ? last + age + partOf(age, material.interval)
    : nextRotation(last, material.interval) + partOf(lateness, material.late);
  const { identity, addressing, sealing } = material;
  const keys =
    young || material.loss < losesKeys
      ? createUserKeys(domain, fromSeeds(identity, addressing, sealing), created)
      : rotateUserKeys(before.keys, fromSeeds(addressing, sealing), created);
  const serial = nextSerialAt(before.serial, created);
  const previous = recordFingerprint(before.record.inner);
  const record = signed(life, { keys, serial, previous, created, way: material.way });
  return { record, keys, serial, settled: !young || settles(root, created, material) };
}

function ageOf({ start }: DecoyRoot, created: number): number {
  return created - start + firstRecords;
}

function settles(root: DecoyRoot, created: number, { settling }: Material): boolean {
  return partOf(longestYouth, settling) < ageOf(root, created);
}

function signed(
  { addressHash }: DecoyLife,
  content: {
    readonly keys: UserKeys;
    readonly serial: number;
    readonly previous: Uint8Array;
    readonly created: number;
    readonly way: number;
  },
): DecoyRecord {
  const { keys, serial, previous, created, way } = content;
  const inner = signUserRecord({ keys, address: addressHash, serial, previous, now: created });
  return { inner, created, listed: created + partOf(wayToDomain, way) };
}

/** As a client counts: a serial of a predecessor that lies ahead of the clock is no reason to fail. */
function nextSerialAt(previous: number | undefined, created: number): number {
  return previous === undefined ? created : Math.max(previous + 1, created);
}

/** Hands out the seeds in order: what a client draws anew. */
function fromSeeds(...seeds: readonly Uint8Array[]): Random {
  let next = 0;
  return () => seeds[next++] as Uint8Array;
}

/** Four bytes, big-endian. */
function numberAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}
