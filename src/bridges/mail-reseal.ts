/** Mail that waits under a bridge key which is to be forgotten, revoked or outlived, is sealed to its successor. wire-spec/bridges.md section 3. */
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import { codeOf } from '../errors.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { selectKey, type KeyPair } from '../keys/key-pair.ts';
import type { Log } from '../log.ts';
import { openMail, sealMail } from '../message/mail-submission.ts';
import type { MailQueueStore } from '../store/api/mail-queue.ts';

export interface ResealParts {
  readonly queue: Pick<MailQueueStore, 'sealedTo' | 'get' | 'reseal'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** `forgotten`: while their private halves are still here. Does not throw: what stays under a key that is gone fails, and its sender is told. */
export type Reseal = (keys: DomainKeys, forgotten: readonly KeyPair[]) => Promise<void>;

export function createReseal({ queue, clock, random, log }: ResealParts): Reseal {
  async function reseal({ domain, keys }: DomainKeys, old: KeyPair): Promise<void> {
    const waiting = await queue.sealedTo(domain, old.id);
    if (waiting.length === 0) return;
    const next = selectKey(keys, 'bridge', clock.seconds());
    for (const { owner, id } of waiting) {
      const content = (await queue.get(owner, id))?.content;
      if (content === undefined) continue;
      const mail = openMail(content.sealed, old.secret, { domain, keyId: old.id });
      const sealed = sealMail(mail, next.publicKey, { domain, keyId: next.id }, random);
      mail.contentKey.fill(0);
      await queue.reseal(owner, id, old.id, { keyId: next.id, sealed });
    }
  }

  return async (keys, forgotten) => {
    for (const old of forgotten) {
      if (old.use !== 'bridge') continue;
      await reseal(keys, old).catch((error: unknown) =>
        log.error('mail that waits stays under a key that is forgotten: its senders are told', {
          domain: keys.domain,
          code: codeOf(error),
        }),
      );
    }
  };
}
