/** The outbox: refs that are to be notified, and repeated (wire-spec/timing.md). */
import type { RefLabels } from '../../wire/notification.ts';
import type { Unsubscribe } from './terms.ts';

export interface OutboxEntry {
  /** Names this entry to `reschedule`; opaque. */
  readonly key: Uint8Array;
  readonly messageId: Uint8Array;
  /** Domain of the sending user: signs the notification. */
  readonly sender: string;
  readonly destination: string;
  readonly recipientHash: Uint8Array;
  readonly expires: number;
  readonly sizeClass: number;
  readonly labels?: RefLabels | undefined;
  /** When the message was committed, or retracted. */
  readonly created: number;
  /** Notifications sent so far; a retraction begins again at 0. */
  readonly attempt: number;
  readonly due: number;
  /** Fetched completely: repeat daily. */
  readonly slowed: boolean;
}

/** What is due for one destination, from one sending domain. */
export interface OutboxGroup {
  readonly sender: string;
  readonly destination: string;
  readonly entries: readonly OutboxEntry[];
}

export interface Rescheduled {
  readonly key: Uint8Array;
  readonly attempt: number;
  readonly due: number;
}

export interface Outbox {
  /** At most `limit` entries that are due, oldest first, grouped. Expired ones are left out. */
  due(now: number, limit: number): Promise<readonly OutboxGroup[]>;
  /** Sets when entries come up again. Those that ended or changed meanwhile are passed over. */
  reschedule(entries: readonly Rescheduled[]): Promise<void>;
  /** When the next entry is due, if there is one. */
  nextDue(): Promise<number | undefined>;
  /** Entries for a destination, or all: for `queue list`. */
  list(options: { destination?: string; limit: number }): Promise<readonly OutboxEntry[]>;
  /** Called when something new is due at once (a commit, a retraction), after it is on disk. */
  subscribe(listener: () => void): Unsubscribe;
}
