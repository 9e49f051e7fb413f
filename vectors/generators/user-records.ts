/** Cases of wire-spec/keys.md section 5: the records that follow one another as keys rotate or are revoked. */
import { keyStatuses } from '../../src/wire/registry.ts';
import { now, type Collection, type Fields } from './cases.ts';
import { encode, map, type Node } from './encode.ts';
import { alice, entryOf, keyFor, recordNode, type Key } from './people.ts';
import { sha256, sign1 } from './reference.ts';

const day = 86_400;

interface Step {
  readonly at: number;
  readonly kind: 'first' | 'rotate' | 'revoke';
}

/** A key as the record of the moment lists it. */
interface Listed {
  readonly key: Key;
  readonly status: keyof typeof keyStatuses;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt?: number;
}

/** What stood in the record before, older by one. */
function aged(listed: Listed, { at, kind }: Step): Listed {
  const wasActive = listed.status === 'active';
  const retired: Listed = wasActive ? { ...listed, status: 'retired', notAfter: at + 97 * day } : listed;
  return kind === 'revoke' && retired.status === 'retired'
    ? { ...retired, status: 'revoked', revokedAt: at }
    : retired;
}

function nodeOf({ key, status, notBefore, notAfter, revokedAt }: Listed): Node {
  return entryOf(key, { 5: keyStatuses[status], 6: notBefore, 7: notAfter, 8: revokedAt });
}

function freshKeys(index: number): readonly Key[] {
  const label = `alice, record ${index}`;
  return [keyFor(alice.domain, 'addressing', label), keyFor(alice.domain, 'sealing', label)];
}

/** The signed records of a life. */
function recordsOf(steps: readonly Step[]): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  let listed: readonly Listed[] = [];
  let dropsSince: number | undefined;
  let serial = 0;
  for (const [index, step] of steps.entries()) {
    const { at, kind } = step;
    const fresh = freshKeys(index).map((key): Listed => ({
      key,
      status: 'active',
      notBefore: at,
      notAfter: at + 400 * day,
    }));
    const older = listed.map((entry) => aged(entry, step)).filter(({ notAfter }) => notAfter > at);
    listed = [...fresh, ...older];
    if (kind === 'revoke') dropsSince = at;
    serial = Math.max(serial + 1, at);
    const before = records.at(-1);
    const payload = recordNode({
      1: alice.domain,
      2: alice.addressHash,
      3: alice.identity.publicKey,
      4: listed.map(nodeOf),
      5: at,
      6: at + 400 * day,
      7: serial,
      8: before && sha256(before),
      9: dropsSince,
      10: map(),
      11: 0,
    });
    const { id, secret } = alice.identity;
    records.push(sign1('user record', alice.domain, id, secret, encode(payload)).encoded);
  }
  return records;
}

export function addUserRecordSequences(cases: Collection): void {
  const sequences: Readonly<Record<string, readonly Step[]>> = {
    'rotated until the first keys are forgotten': [0, 34, 68, 102, 136].map((days) => ({
      at: now + days * day,
      kind: days === 0 ? 'first' : 'rotate',
    })),
    'revoked after theft, and rotated later': [
      { at: now, kind: 'first' },
      { at: now + 34 * day, kind: 'rotate' },
      { at: now + 40 * day, kind: 'revoke' },
      { at: now + 75 * day, kind: 'rotate' },
    ],
    'revoked in the second in which they were made': [
      { at: now, kind: 'first' },
      { at: now, kind: 'revoke' },
    ],
  };
  for (const [description, steps] of Object.entries(sequences)) {
    const fields = steps.map((step, index): Fields => {
      const [addressing, sealing] = freshKeys(index);
      return { ...step, addressing: addressing?.secret, sealing: sealing?.secret } as Fields;
    });
    cases.positive(`user-records-${description.replaceAll(/[ ,]+/g, '-')}`, {
      spec: 'keys.md section 5',
      operation: 'sign user records',
      description,
      inputs: {
        domain: alice.domain,
        address: alice.address,
        identity: alice.identity.secret,
        records: fields,
      },
      output: recordsOf(steps),
    });
  }
}
