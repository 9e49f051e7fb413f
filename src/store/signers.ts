/**
 * The keys that speak for a user: devices, the recovery key, pairings. Pure: each step takes the list and gives the next
 * one, or throws. That no two users have the same key is seen to by the index beside the rows (users.ts).
 */
import { BeckonError } from '../errors.ts';
import { maxDevices, maxPairings, type NewDevice, type NewPairing, type SignerKind } from './api/users.ts';
import { equal } from './digest.ts';
import { kindNumber, type SignerItem } from './user-rows.ts';

type Signers = readonly SignerItem[];

export function enrolledSigners(enrolment: {
  readonly device: Uint8Array;
  readonly name?: string;
  readonly recovery?: Uint8Array;
  readonly now: number;
}): Signers {
  const { device, name = '', recovery, now } = enrolment;
  const first = { device, kind: kindNumber('device'), name, added: now };
  return recovery === undefined ? [first] : [first, recoveryItem(recovery, now)];
}

/** Throws `unauthorized`, `conflict`, `quota_exceeded`. */
export function withDevice(signers: Signers, { device, name, by, now }: NewDevice): Signers {
  const adder = expectSigner(signers, by, ['device', 'recovery', 'pairing'], now);
  const known = find(signers, device);
  const usedFor = adder.used;
  if (usedFor !== undefined && !equal(usedFor, device))
    throw new BeckonError('conflict', 'the pairing added another device');
  if (known !== undefined) return isKind(known, 'device') ? signers : refuseKind();
  // What it added was removed since: a pairing adds one device, once.
  if (usedFor !== undefined) throw notIts();
  if (signers.filter((one) => isKind(one, 'device')).length >= maxDevices)
    throw new BeckonError('quota_exceeded', `a user has at most ${maxDevices} devices`);
  const added = { device, kind: kindNumber('device'), name, added: now };
  const rest = isKind(adder, 'pairing')
    ? signers.map((one) => (one === adder ? { ...one, used: device } : one))
    : signers;
  return [...rest, added];
}

/** Throws `unauthorized`, `conflict` for the last device. */
export function withoutDevice(signers: Signers, device: Uint8Array, by: Uint8Array): Signers {
  expectSigner(signers, by, ['device']);
  const going = find(signers, device);
  if (going === undefined || !(isKind(going, 'device') || isKind(going, 'gateway'))) return signers;
  const left = signers.filter((one) => one !== going && (one.by === undefined || !equal(one.by, device)));
  if (!left.some((one) => isKind(one, 'device')))
    throw new BeckonError('conflict', 'the last device stays: add another first');
  return left;
}

/** A gateway's own device (wire-spec/account.md section 14). Throws `unauthorized`, `conflict`. */
export function withGateway(signers: Signers, { device, name, by, now }: NewDevice): Signers {
  expectSigner(signers, by, ['device'], now);
  const known = find(signers, device);
  if (known !== undefined) return isKind(known, 'gateway') ? signers : refuseKind();
  return [...signers, { device, kind: kindNumber('gateway'), name, added: now }];
}

/** Throws `unauthorized`. */
export function withoutGateway(signers: Signers, device: Uint8Array, by: Uint8Array): Signers {
  expectSigner(signers, by, ['device']);
  return signers.filter((one) => !(isKind(one, 'gateway') && equal(one.device, device)));
}

/** Throws `unauthorized`, `conflict`. */
export function withRecovery(
  signers: Signers,
  { recovery, by, now }: { readonly recovery: Uint8Array; readonly by: Uint8Array; readonly now: number },
): Signers {
  expectSigner(signers, by, ['device'], now);
  const known = find(signers, recovery);
  if (known !== undefined) return isKind(known, 'recovery') ? signers : refuseKind();
  return [...signers.filter((one) => !isKind(one, 'recovery')), recoveryItem(recovery, now)];
}

/** Throws `unauthorized`, `conflict`, `quota_exceeded`. */
export function withPairing(signers: Signers, { pairing, expires, by, now }: NewPairing): Signers {
  expectSigner(signers, by, ['device'], now);
  const standing = signers.filter((one) => !hasEnded(one, now));
  const known = find(standing, pairing);
  if (known !== undefined) return isKind(known, 'pairing') ? signers : refuseKind();
  if (standing.filter((one) => isKind(one, 'pairing')).length >= maxPairings)
    throw new BeckonError('quota_exceeded', `at most ${maxPairings} pairings are open at once`);
  const opened = { device: pairing, kind: kindNumber('pairing'), name: '', added: now, expires, by };
  return [...standing, opened];
}

export function find(signers: Signers, device: Uint8Array): SignerItem | undefined {
  return signers.find((one) => equal(one.device, device));
}

/** Asked within the write: who signed may have been removed since the request was let in. */
function expectSigner(signers: Signers, by: Uint8Array, kinds: readonly SignerKind[], now = 0): SignerItem {
  const signer = find(signers, by);
  if (signer === undefined || hasEnded(signer, now) || !kinds.some((kind) => isKind(signer, kind)))
    throw notIts();
  return signer;
}

function hasEnded({ expires }: SignerItem, now: number): boolean {
  return expires !== undefined && expires <= now;
}

function isKind({ kind }: SignerItem, wanted: SignerKind): boolean {
  return kind === kindNumber(wanted);
}

function recoveryItem(device: Uint8Array, added: number): SignerItem {
  return { device, kind: kindNumber('recovery'), name: '', added };
}

function refuseKind(): never {
  throw new BeckonError('conflict', 'this key serves the user for something else');
}

function notIts(): BeckonError {
  return new BeckonError('unauthorized', 'this key does not speak for the user any more');
}
