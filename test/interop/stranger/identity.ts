/** identity.md: changes of a domain's identity, parents' signatures, leaving; the signing of changes and of `gone`, the verifying of all. */
import type { Bytes, Fields } from './cbor.ts';
import { bytesAt, decodeFields, encode, listAt, numberAt, plain, refuse, same, textAt } from './cbor.ts';
import { keyId, use, verifyDomainRecord } from './keys.ts';
import { context, ed25519Public, readSigned, sha256, sign, signBytes } from './primitives.ts';

const slack = 3600;

export interface Change {
  readonly by: 'identity' | 'recovery';
  /** Fingerprint or recovery hash. */
  readonly signer: Bytes;
  readonly fingerprint: Bytes;
  readonly recoveryHash?: Bytes;
  readonly created: number;
}

const recoveryHashOf = (key: Uint8Array): Bytes => sha256(context('recovery', key));

/** Section 1. */
export function signChange(
  domain: string,
  by: Change['by'],
  seed: Uint8Array,
  to: { readonly identityKey: Uint8Array; readonly recoveryHash?: Uint8Array | undefined },
  now: number,
): Bytes {
  const number = by === 'identity' ? use.domainIdentity : use.recovery;
  const signer = ed25519Public(seed);
  const payload = encode(
    new Map<number, unknown>([
      [1, domain],
      [2, number],
      [3, signer],
      [4, to.identityKey],
      ...(to.recoveryHash === undefined ? [] : ([[5, to.recoveryHash]] as const)),
      [6, now],
    ]),
  );
  return sign({ seed, keyId: keyId(domain, number, signer) }, 'identity change', domain, payload);
}

/** Section 1. */
export function verifyChange(signed: Uint8Array, domain: string, now: number): Change {
  const object = readSigned(signed);
  const fields = decodeFields(object.payload);
  const number = numberAt(fields, 2);
  refuse(number !== use.domainIdentity && number !== use.recovery, 'record_invalid');
  const [signer, identityKey] = [bytesAt(fields, 3, 32), bytesAt(fields, 4, 32)];
  const named = textAt(fields, 1);
  object.verified(signer, keyId(named, number, signer), 'identity change', named);
  refuse(named !== domain, 'record_mismatch');
  refuse(fields.has(5) !== (number === use.recovery), 'record_invalid');
  const created = numberAt(fields, 6);
  refuse(created > now + slack, 'record_invalid');
  const rest = { fingerprint: sha256(identityKey), created };
  if (number === use.domainIdentity) {
    refuse(same(signer, identityKey), 'record_invalid');
    return { by: 'identity', signer: sha256(signer), ...rest };
  }
  const recoveryHash = bytesAt(fields, 5, 32);
  refuse(same(recoveryHash, recoveryHashOf(signer)), 'record_invalid');
  return { by: 'recovery', signer: recoveryHashOf(signer), recoveryHash, ...rest };
}

export interface Pinned {
  readonly fingerprint: Bytes;
  readonly recoveryHash?: Bytes | undefined;
  readonly left: readonly Bytes[];
}

/** Section 1: whom the domain is now, and by which fingerprints it came there. */
export function verifyPinnedAnswer(
  answer: Uint8Array,
  domain: string,
  pinned: Pinned,
  txt: readonly Bytes[],
  now: number,
): { readonly fingerprint: Bytes; readonly steps: readonly Bytes[] } {
  const served = decodeFields(answer);
  let { fingerprint, recoveryHash } = pinned;
  const steps: Bytes[] = [];
  for (const change of changesIn(served, domain, now)) {
    const inForce = change.by === 'identity' ? fingerprint : recoveryHash;
    if (inForce === undefined || !same(inForce, change.signer)) continue;
    fingerprint = change.fingerprint;
    recoveryHash = change.recoveryHash ?? recoveryHash;
    steps.push(fingerprint);
  }
  const record = bytesAt(served, 1);
  const mandate = decodeFields(readSigned(bytesAt(decodeFields(readSigned(record).payload), 3)).payload);
  const shown = sha256(bytesAt(mandate, 3, 32));
  refuse(!same(shown, fingerprint) && pinned.left.some((one) => same(one, shown)), 'record_rollback');
  verifyDomainRecord(record, domain, [fingerprint], now);
  const isNew = !same(fingerprint, pinned.fingerprint);
  refuse(isNew && !txt.some((id) => same(id, fingerprint)), 'fingerprint_mismatch');
  refuse(recoveryHash !== undefined && !same(bytesAt(mandate, 6, 32), recoveryHash), 'trust_changed');
  return { fingerprint, steps };
}

function changesIn(served: Fields, domain: string, now: number): readonly Change[] {
  const lists = (listAt(served, 2) as [number, Uint8Array][]).filter(([type]) => type === 3);
  return lists
    .flatMap(([, list]) => listAt(decodeFields(list), 1) as Uint8Array[])
    .flatMap((signed) => {
      try {
        return [verifyChange(signed, domain, now)];
      } catch {
        return [];
      }
    });
}

/** Section 2: by whom, and what that parent's TXT must name. */
export function verifyParent(signed: Uint8Array, domain: string, fingerprint: Uint8Array, now: number) {
  const object = readSigned(signed);
  const fields = decodeFields(object.payload);
  const [named, parent, key] = [textAt(fields, 1), textAt(fields, 3), bytesAt(fields, 4, 32)];
  object.verified(key, keyId(parent, use.domainIdentity, key), 'parent signature', named);
  refuse(named !== domain || !same(bytesAt(fields, 2, 32), fingerprint), 'record_mismatch');
  refuse(parent === '' || !domain.endsWith(`.${parent}`), 'record_invalid');
  const [created, expires] = [numberAt(fields, 5), numberAt(fields, 6)];
  refuse(created > now + slack || created > expires || expires - created > 34560000, 'record_invalid');
  refuse(expires + slack < now, 'record_expired');
  return { parent, parentFingerprint: sha256(key), expires };
}

/** Section 3. */
export function signGone(domain: string, seed: Uint8Array, serial: number): Bytes {
  const gone = Buffer.alloc(69);
  gone.writeUIntBE(serial, 0, 5);
  gone.set(signBytes(seed, context('gone', domain, serial)), 5);
  return plain(gone);
}
