/** The store as the rest of the daemon sees it: one small interface for each table. */
import type { AliasStore } from './aliases.ts';
import type { BlobStore } from './blobs.ts';
import type { CardStore } from './cards.ts';
import type { CopyStore } from './copies.ts';
import type { DeliveryStore } from './deliveries.ts';
import type { DirectoryStore } from './directory.ts';
import type { DomainStore } from './domains.ts';
import type { EventStore } from './events.ts';
import type { FeedStore } from './feed.ts';
import type { GatewayStore } from './gateways.ts';
import type { ListedStore } from './listed.ts';
import type { KeptStore } from './kept.ts';
import type { MailQueueStore } from './mail-queue.ts';
import type { Outbox } from './outbox.ts';
import type { PendingStore } from './pending.ts';
import type { PreferenceStore } from './preferences.ts';
import type { PullStore } from './pulls.ts';
import type { StateStore } from './states.ts';
import type { TransitStore } from './transit.ts';
import type { UploadStore } from './uploads.ts';
import type { UserStore } from './users.ts';

export interface StoreStats {
  /** Messages that wait in the transit store. */
  readonly messages: number;
  /** What users take: payloads, headers and envelopes that wait, open uploads, mail that leaves, and `asideBytes`. */
  readonly bytes: number;
  /** Of these, what waits for nobody: users' states, and what is kept for them. */
  readonly asideBytes: number;
  /** False while the disk is at its reserve: nothing is accepted until there is room again. */
  readonly hasRoom: boolean;
  readonly oldest?: { readonly created: number; readonly destination: string };
  /** Ciphertexts that are kept for users. */
  readonly kept: number;
  /** Messages that were pulled for users, and wait for them. */
  readonly pulled: number;
  readonly pulledBytes: number;
  readonly outbox: number;
  /** Mail that waits to leave over SMTP, or its sender to be told of it. */
  readonly mailQueue: number;
  /** Refs in the pending table, done ones that have not expired included. */
  readonly pending: number;
  readonly feed: number;
  readonly domains: number;
  readonly users: number;
}

export interface Store {
  readonly transit: TransitStore;
  readonly deliveries: DeliveryStore;
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  readonly states: StateStore;
  readonly kept: KeptStore;
  readonly cards: CardStore;
  readonly mailQueue: MailQueueStore;
  readonly gateways: GatewayStore;
  readonly outbox: Outbox;
  readonly pending: PendingStore;
  readonly preferences: PreferenceStore;
  readonly pulls: PullStore;
  readonly copies: CopyStore;
  readonly feed: FeedStore;
  readonly domains: DomainStore;
  readonly users: UserStore;
  readonly aliases: AliasStore;
  readonly listed: ListedStore;
  readonly directory: DirectoryStore;
  readonly events: EventStore;
  stats(): Promise<StoreStats>;
  /** A consistent copy of everything, made while the daemon runs, into a directory that does not exist yet. */
  backup(dir: string): Promise<void>;
  /** Waits for writes on their way, then releases the directory. Nothing may be called afterwards. */
  close(): Promise<void>;
}
