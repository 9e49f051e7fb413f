/**
 * Admitting refs to the pending table: the hot path of receiving. Rows are encoded before the write, and notifications
 * that come while a write is on its way share the next one.
 */
import type { Ref } from '../wire/notification.ts';
import type { Admission, Admitted, PendingRef } from './api/pending.ts';
import { createBatches } from './batches.ts';
import { schemaCodec, type Engine, type Table } from './engine.ts';
import type { FeedTables } from './feed.ts';
import { createIntroductionRate } from './introduction-rate.ts';
import { joined, name, refHash } from './keys.ts';
import {
  endOf,
  pendingRef,
  pendingRow,
  quotaKeyOf,
  rowOf,
  storedLabels,
  type Counts,
  type PendingRow,
  type WithCounts,
} from './pending-rows.ts';
import type { Subscribers } from './subscribers.ts';

/** What became of a ref. */
type Fate = keyof Admitted;

interface PreparedRef {
  readonly ref: Ref;
  readonly key: Uint8Array;
  readonly row: Uint8Array;
}

interface Prepared {
  readonly admission: Admission;
  readonly refs: readonly PreparedRef[];
}

export interface PendingAdmitParts {
  readonly engine: Engine;
  /** The pending table, as bytes. */
  readonly pending: Table<Uint8Array>;
  readonly withCounts: WithCounts;
  readonly feed: FeedTables;
  /** Whether the disk takes more than what is kept for what was accepted. */
  readonly hasRoom: () => boolean;
  readonly tell: Subscribers['tell'];
  /** Inside a write: what was or is to be pulled of a ref goes. */
  readonly dropPulled: (key: Uint8Array) => void;
}

/** Most notifications of one write. */
const mostTogether = 1024;
const codec = schemaCodec(pendingRow);

export function createPendingAdmit(parts: PendingAdmitParts): (admission: Admission) => Promise<Admitted> {
  const { engine, pending, withCounts, feed, hasRoom, tell, dropPulled } = parts;
  const rate = createIntroductionRate();
  const write = createBatches((batch: readonly Prepared[]) => {
    // Strangers write here: the disk's reserve is not for them.
    const room = hasRoom();
    return engine.write(() =>
      withCounts((counts) => batch.map((prepared) => admitAll(prepared, counts, room))),
    );
  }, mostTogether);

  function admitAll({ admission, refs }: Prepared, counts: Counts, room: boolean): readonly Fate[] {
    return refs.map((prepared) => admitOne(admission, prepared, counts, room));
  }

  function admitOne(
    admission: Admission,
    { ref, key, row }: PreparedRef,
    counts: Counts,
    room: boolean,
  ): Fate {
    const { domain, sender, quota, now } = admission;
    if (ref.expires <= now) return 'expired';
    const known = knownRow(key);
    if (known !== undefined && endOf(known) > now) return meetKnown(key, known, ref);
    if (!room || counts.of(quota.key) >= quota.refs) return 'overQuota';
    if (isIntroduction(ref) && !rate.admit(domain, quota.key, admission.introductionsPerHour, now))
      return 'overRate';
    if (known !== undefined) {
      counts.add(quotaKeyOf(known), -1);
      dropPulled(key);
    }
    pending.put(key, row);
    counts.add(quota.key, 1);
    introduce(domain, sender, ref, now);
    return 'stored';
  }

  function knownRow(key: Uint8Array): PendingRow | undefined {
    const bytes = pending.get(key);
    return bytes && codec.decode(bytes);
  }

  /** The first ref stays; the same sender may only put a retraction mark on it. */
  function meetKnown(key: Uint8Array, known: PendingRow, ref: Ref): Fate {
    const marked = known.labels?.retraction === true;
    if (ref.labels?.retraction !== true || marked || known.done === true) return 'known';
    const { blind: _, ...rest } = known;
    dropPulled(key);
    pending.put(key, codec.encode({ ...rest, labels: { ...known.labels, ...storedLabels(ref.labels) } }));
    return 'retracted';
  }

  function introduce(domain: string, sender: string, ref: Ref, firstSeen: number): void {
    const introduction = ref.labels?.introduction;
    if (introduction === undefined || !isIntroduction(ref)) return;
    feed.append(domain, { sender, introduction, firstSeen, expires: ref.expires });
  }

  return async (admission) => {
    const { domain } = admission;
    const prepared = prepare(admission);
    const fates = await write(prepared);
    prepared.refs.forEach(({ ref, key }, i) => {
      if (fates[i] === 'stored' || fates[i] === 'retracted')
        tell(domain, ref.recipientHash, () => waiting(knownRow(key)));
    });
    if (prepared.refs.some(({ ref }, i) => fates[i] === 'stored' && isIntroduction(ref))) feed.tell(domain);
    return tally(fates);
  };
}

function waiting(row: PendingRow | undefined): PendingRef | undefined {
  return row === undefined || row.done === true ? undefined : pendingRef(row);
}

/** A retracted introduction needs no feed entry any more. */
function isIntroduction({ labels }: Ref): boolean {
  return labels?.introduction !== undefined && labels.retraction !== true;
}

/** Throws `cbor_*` for what no schema takes: here, so that it fails alone. */
function prepare(admission: Admission): Prepared {
  const { domain, sender, quota, now } = admission;
  const prefix = name(domain);
  const refs = admission.refs.map((ref) => ({
    ref,
    key: joined(prefix, ref.recipientHash, refHash(sender, ref.messageId)),
    row: codec.encode(rowOf(ref, sender, quota.key, now)),
  }));
  return { admission, refs };
}

function tally(fates: readonly Fate[]): Admitted {
  const sum = { stored: 0, retracted: 0, known: 0, overQuota: 0, overRate: 0, expired: 0 };
  for (const fate of fates) sum[fate]++;
  return sum;
}
