/** The pending table: the receiver's refs, until they are collected (wire-spec/notification.md section 4, fetch.md). */
import type { Ref, RefLabels } from '../../wire/notification.ts';
import type { Page, PageRequest, Swept, Unsubscribe } from './terms.ts';

/** One verified notification. */
export interface Admission {
  /** Receiving domain: one of ours. */
  readonly domain: string;
  /** Sending domain. */
  readonly sender: string;
  readonly refs: readonly Ref[];
  readonly now: number;
  /** The sender's registrable domain, and how many refs (done ones count until they expire) it may have here. */
  readonly quota: { readonly key: string; readonly refs: number };
  /** Most feed entries an hour for the receiving domain; a single registrable domain gets at most half, and half is for the first few of each. */
  readonly introductionsPerHour: number;
}

/** What became of the refs; `stored + retracted + known + overQuota + overRate + expired` is their number. */
export interface Admitted {
  readonly stored: number;
  /** A retraction mark was put on a waiting ref. */
  readonly retracted: number;
  /** Known already: waiting or done. */
  readonly known: number;
  /** Above the sender's quota, or below the disk's reserve. */
  readonly overQuota: number;
  /** Introductions above the cap: the ref is dropped with its entry. */
  readonly overRate: number;
  readonly expired: number;
}

export interface PendingRef {
  readonly messageId: Uint8Array;
  readonly sender: string;
  readonly expires: number;
  readonly firstSeen: number;
  readonly sizeClass: number;
  /** As they came. */
  readonly labels?: RefLabels | undefined;
  /** Until then a copy is here that was pulled: the ref is answered for as long, though it may have expired. */
  readonly blind?: number;
}

/** `read` gives the ref as it stands: undefined where it is done with already. */
export type OnRef = (recipientHash: Uint8Array, read: () => PendingRef | undefined) => void;

export interface PendingStore {
  /** Stores what is new, in one write. May resolve before it is on disk: the sender repeats. */
  admit(admission: Admission): Promise<Admitted>;
  /** The waiting refs under a recipient hash, those marked retracted included. A page with `next` may be short, or empty. */
  poll(
    domain: string,
    recipientHash: Uint8Array,
    page: PageRequest & { readonly now: number },
  ): Promise<Page<PendingRef>>;
  /** Marks refs done: they do not come up again before they expire. On disk when it resolves. Returns how many waited. */
  done(domain: string, recipientHash: Uint8Array, ids: readonly Uint8Array[]): Promise<number>;
  /** Goes round the table in small steps and removes what expired by `now`, at most `limit` rows. */
  expire(now: number, limit: number): Promise<Swept>;
  /** Called when a ref for this hash (or any of the domain) was stored or marked retracted. */
  subscribe(domain: string, recipientHash: Uint8Array | undefined, listener: OnRef): Unsubscribe;
}
