/** Mail of users that leaves over SMTP, as far as the account interface goes: wire-spec/account.md section 13. */
import { BeckonError } from '../errors.ts';
import { parseTraceHandle, traceHandleText } from '../keys/fingerprints.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { findKey } from '../keys/key-pair.ts';
import { openMail } from '../message/mail-submission.ts';
import type { Clock } from '../clock.ts';
import type { AliasStore } from '../store/api/aliases.ts';
import type { MailQueueStore, MailState, QueuedMail } from '../store/api/mail-queue.ts';
import type { Cursor, Owner, Page } from '../store/api/terms.ts';
import type { UsageLimits } from '../store/api/transit.ts';
import type { UserStore } from '../store/api/users.ts';
import { formatAddress } from '../wire/address.ts';
import type { AccountUser } from './user.ts';

export interface MailRequest {
  /** 10 bytes of the client's choice. */
  readonly id: Uint8Array;
  /** Upload id. */
  readonly upload: Uint8Array;
  readonly payloadHash: Uint8Array;
  /** Of the bridge key that `sealed` is sealed to. */
  readonly keyId: Uint8Array;
  readonly sealed: Uint8Array;
}

/** What became of mail, recipients in the order of the sealed part. */
export interface MailReport {
  readonly handle: string;
  readonly created: number;
  /** Of the payload, in bytes. */
  readonly size: number;
  readonly recipients: readonly {
    readonly state: MailState;
    readonly attempts: number;
    /** Of what is queued: the next try. */
    readonly next?: number;
    readonly code?: string;
  }[];
  readonly ended?: number;
}

export interface AccountMail {
  /**
   * Queues mail; on disk when it resolves. Throws `unsupported`, `key_unknown`, `key_not_active`, `open_failed` and what a bad seal holds,
   * `unauthorized` (not the user's address), `conflict`, `payload_mismatch`, `quota_exceeded`, `storage_full`.
   */
  submit(user: AccountUser, request: MailRequest): Promise<MailReport>;
  /** In the order of the ids. Throws `unsupported`. */
  list(
    user: AccountUser,
    page: { readonly after?: Cursor | undefined; readonly limit: number },
  ): Promise<Page<MailReport>>;
  /** Throws `not_found`. */
  find(user: AccountUser, handle: string): Promise<MailReport>;
  /** Takes back what is still queued. Throws `not_found`. */
  drop(user: AccountUser, handle: string): Promise<MailReport>;
}

export interface MailParts {
  readonly mailQueue: MailQueueStore;
  readonly users: Pick<UserStore, 'get'>;
  readonly aliases: Pick<AliasStore, 'of'>;
  readonly keyRing: Pick<KeyRing, 'keysOf'>;
  /** Whether mail of a domain's users leaves at all. */
  readonly sendsMail: (domain: string) => boolean;
  readonly limitsOf: (domain: string) => Promise<UsageLimits>;
  readonly clock: Clock;
}

export function createAccountMail(parts: MailParts): AccountMail {
  const { mailQueue, keyRing, sendsMail, limitsOf, clock } = parts;

  function expectBridge({ domain }: Owner): void {
    if (!sendsMail(domain)) throw new BeckonError('unsupported', 'this domain sends no mail over SMTP');
  }

  function opened({ domain }: Owner, { keyId, sealed }: MailRequest) {
    const keys = keyRing.keysOf(domain);
    if (keys === undefined) throw new BeckonError('key_unknown', 'this domain has no keys here');
    if (keys.gone !== undefined)
      throw new BeckonError('conflict', 'your domain leaves: nothing new is sent from it');
    const pair = findKey(keys.keys, 'bridge', keyId, clock.seconds());
    return openMail(sealed, pair.secret, { domain, keyId });
  }

  async function found({ owner }: AccountUser, handle: string): Promise<[Uint8Array, QueuedMail]> {
    const id = parseTraceHandle(handle);
    const mail = id && (await mailQueue.get(owner, id));
    if (id === undefined || mail === undefined) throw noSuchMail();
    return [id, mail];
  }

  return {
    async submit({ owner }, request) {
      expectBridge(owner);
      const { reversePath, recipients } = opened(owner, request);
      if (!(await ownAddresses(parts, owner)).includes(reversePath))
        throw new BeckonError('unauthorized', 'mail leaves from an address of the user only');
      const { id, upload, payloadHash: hash, keyId, sealed } = request;
      const mail = { id, upload, hash, keyId, sealed, recipients: recipients.length };
      return mailReport(await mailQueue.add(owner, mail, await limitsOf(owner.domain)));
    },
    async list({ owner }, page) {
      expectBridge(owner);
      const { items, ...more } = await mailQueue.list(owner, page);
      return { items: items.map(mailReport), ...more };
    },
    find: async (user, handle) => mailReport((await found(user, handle))[1]),
    async drop(user, handle) {
      const [id] = await found(user, handle);
      const dropped = await mailQueue.drop(user.owner, id, clock.seconds());
      if (dropped === undefined) throw noSuchMail();
      return mailReport(dropped);
    },
  };
}

/** The canonical addresses that a user may write from; none where the user is gone. */
export async function ownAddresses(
  { users, aliases }: Pick<MailParts, 'users' | 'aliases'>,
  { domain, user }: Owner,
): Promise<readonly string[]> {
  const row = await users.get(domain, user);
  if (row?.record === undefined) return [];
  return [formatAddress(row), ...(await aliases.of(domain, user)).map(formatAddress)];
}

function noSuchMail(): BeckonError {
  return new BeckonError('not_found', 'there is no such mail');
}

function mailReport({ id, created, size, recipients, ended }: QueuedMail): MailReport {
  return {
    handle: traceHandleText(id),
    created,
    size,
    recipients: recipients.map(({ state, attempts, next, code }) => ({
      state,
      attempts,
      ...(state === 'queued' ? { next } : {}),
      ...(code === undefined ? {} : { code }),
    })),
    ...(ended === undefined ? {} : { ended }),
  };
}
