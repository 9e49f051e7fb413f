/** The queue of mail that leaves over SMTP, as the hoster sees it: how much, how old, how often tried, and nobody's address. */
import type { Clock } from '../clock.ts';
import { BeckonError } from '../errors.ts';
import { parseTraceHandle, traceHandleText } from '../keys/fingerprints.ts';
import type { QueuedMail } from '../store/api/mail-queue.ts';
import type { Store } from '../store/api/store.ts';

/** Mails that are listed at most. */
const maxListed = 1000;

export function mailQueueOperations({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
  const { mailQueue } = store;

  async function found(typed: string): Promise<QueuedMail> {
    const id = parseTraceHandle(typed);
    if (id === undefined)
      throw new BeckonError('request_invalid', 'the handle of a mail has 16 letters and digits');
    const mail = await mailQueue.find(id);
    if (mail === undefined) throw new BeckonError('not_found', 'no mail in the queue has this handle');
    return mail;
  }

  return {
    /** Oldest first. */
    async queue() {
      const all = await mailQueue.all(maxListed);
      return all.map(summary).toSorted((a, b) => a.created - b.created);
    },
    /** All that waits or failed is tried again now. Throws `not_found`, `request_invalid`, `conflict` where its content is gone. */
    async retryMail(typed: string) {
      const { owner, id, content } = await found(typed);
      if (content === undefined)
        throw new BeckonError('conflict', 'nothing of this mail is left that could be sent');
      return summary((await mailQueue.retry(owner, id, clock.seconds())) ?? gone());
    },
    /** Nothing more of it leaves. Its sender sees that it was taken back. Throws `not_found`, `request_invalid`. */
    async dropMail(typed: string) {
      const { owner, id } = await found(typed);
      return summary((await mailQueue.drop(owner, id, clock.seconds())) ?? gone());
    },
  };
}

function gone(): never {
  throw new BeckonError('not_found', 'this mail is gone by now');
}

function summary({ id, owner, created, size, recipients, ended }: QueuedMail) {
  const waiting = recipients.filter(({ state }) => state === 'queued');
  const next = Math.min(...waiting.map((recipient) => recipient.next));
  const codes = new Set(recipients.flatMap(({ state, code }) => (state === 'delivered' ? [] : (code ?? []))));
  const count = (state: string): number => recipients.filter((one) => one.state === state).length;
  return {
    handle: traceHandleText(id),
    domain: owner.domain,
    created,
    size,
    queued: waiting.length,
    delivered: count('delivered'),
    failed: count('failed'),
    dropped: count('dropped'),
    attempts: Math.max(...recipients.map(({ attempts }) => attempts)),
    /** Of those who did not get it. */
    codes: [...codes].toSorted(),
    ...(waiting.length === 0 ? {} : { next }),
    ...(ended === undefined ? {} : { ended }),
  };
}
