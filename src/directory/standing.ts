/** What an address of ours says now: somebody's record, or that of a decoy. wire-spec/keys.md section 8. */
import { setImmediate } from 'node:timers/promises';
import { BeckonError } from '../errors.ts';
import { decoyRecords, type DecoyLife, type DecoyRecord, type Predecessor } from '../keys/decoy.ts';
import type { UserStatus } from '../keys/user-answer.ts';
import { decode } from '../wire/schema.ts';
import { decodeSign1 } from '../wire/sign1.ts';
import { userRecord } from '../wire/users.ts';

/** An address that has or had a record, as far as listings need it. */
export interface ListedAddress {
  readonly status: 'active' | 'suspended';
  /** The inner record. */
  readonly record: Uint8Array;
  /** Since when nobody has the address any more. */
  readonly gone?: number;
  /** The domain holds the keys. */
  readonly held?: true;
}

/** What an address says now, and until when at most. */
export interface Standing {
  readonly inner: Uint8Array;
  readonly status: UserStatus;
  readonly created: number;
  readonly until: number;
  readonly held: boolean;
}

/** Records made before others have their turn. */
const recordsAtOnce = 8;

/** What somebody has here now. */
export function own(known: ListedAddress | undefined): Standing | undefined {
  return known === undefined || known.gone !== undefined ? undefined : standingOf(known);
}

/** The decoy of the address is made whether it is needed or not. */
export async function amongDecoys(
  place: Omit<DecoyLife, 'after'>,
  known: ListedAddress | undefined,
  now: number,
): Promise<Standing> {
  const after = known?.gone === undefined ? undefined : predecessorOf(known.record, known.gone);
  const { current, next } = await decoyAt(after === undefined ? place : { ...place, after }, now);
  const decoy = current && { ...current, held: false };
  const standing = own(known) ?? decoy ?? (known && standingOf(known));
  if (standing === undefined) throw new BeckonError('internal', 'a decoy has no first record');
  const until = own(known) === undefined ? next.listed : Infinity;
  // Nobody is suspended among decoys.
  const { inner, created, held } = standing;
  return { inner, created, held, status: 'active', until };
}

function standingOf({ record, status, held }: ListedAddress): Standing {
  return { inner: record, status, created: contentOf(record).created, until: Infinity, held: held === true };
}

/** The record listed now, and the next. After a predecessor there may be none yet. */
async function decoyAt(
  life: DecoyLife,
  now: number,
): Promise<{ readonly current: DecoyRecord | undefined; readonly next: DecoyRecord }> {
  let current: DecoyRecord | undefined;
  let count = 0;
  for (const record of decoyRecords(life)) {
    const first = current === undefined && life.after === undefined;
    if (record.listed > now && !first) return { current, next: record };
    current = record;
    if (++count % recordsAtOnce === 0) await setImmediate();
  }
  throw new BeckonError('internal', 'a life without end ended');
}

function predecessorOf(inner: Uint8Array, gone: number): Predecessor {
  const { serial, created } = contentOf(inner);
  return { inner, serial, created, gone };
}

function contentOf(inner: Uint8Array): { readonly serial: number; readonly created: number } {
  return decode(userRecord, decodeSign1(inner).payload);
}
