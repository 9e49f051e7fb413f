/** A queue with its runner over a real store, and a server on loopback that takes what leaves. */
import type { ExecutionContext } from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import type { DeliverTo, MailToDeliver, Delivered } from '../../src/bridges/deliver-api.ts';
import { createRoutes } from '../../src/bridges/mail-routes.ts';
import { createTell } from '../../src/bridges/mail-tell.ts';
import { createMailOut, type MailOutParts } from '../../src/bridges/smtp-out.ts';
import { createVia } from '../../src/bridges/smtp-via.ts';
import type { MailOutcome } from '../../src/bridges/transport.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import { BeckonError } from '../../src/errors.ts';
import { createKeyPair } from '../../src/keys/key-pair.ts';
import { silentLog } from '../../src/log.ts';
import { sealMail } from '../../src/message/mail-submission.ts';
import { encryptPayload } from '../../src/message/payload.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createSmtp } from '../../src/outbound/smtp.ts';
import type { QueuedMail } from '../../src/store/api/mail-queue.ts';
import type { Store } from '../../src/store/api/store.ts';
import type { MailSubmission } from '../../src/wire/mail-submission.ts';
import { alice, collected, opened, pieces, random, start, uploaded } from '../store/fixture.ts';
import { startSmtpSink, type SmtpSinkOptions } from '../support/smtp-sink.ts';

export const domain = alice.domain;
const day = 86_400;
export const bridgeKey = createKeyPair(domain, 'bridge', systemRandom, {
  notBefore: start - day,
  notAfter: start + 400 * day,
});

/** A small mail of Alice's. */
export const letter = [
  'From: alice@alpha.test',
  'To: carol@gamma.test',
  'Subject: Hello',
  'Message-ID: <1@alpha.test>',
  'Date: Fri, 15 Jan 2027 08:00:00 +0000',
  '',
  'It is the lighthouse at dusk.',
  '.and a dot',
  '',
].join('\r\n');

export interface Told {
  readonly to: DeliverTo;
  readonly text: string;
}

/** Queues a mail as a client does. */
export async function submitted(
  store: Store,
  content: string | Uint8Array = letter,
  over: Partial<MailSubmission> = {},
): Promise<QueuedMail> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const contentKey = random(32);
  const encryption = encryptPayload(new Secret(contentKey), pieces(bytes), bytes.length, systemRandom);
  const payload = await collected(encryption.stream);
  const { plaintextHash, plaintextLength, payloadHash } = encryption.result();
  const mail = {
    contentKey,
    reversePath: 'alice@alpha.test',
    recipients: ['carol@gamma.test'],
    plaintextHash,
    plaintextLength,
    created: start,
    notify: 7,
    ...over,
  };
  const keyId = bridgeKey.id;
  return await store.mailQueue.add(alice, {
    id: random(10),
    upload: await uploaded(store, alice, payload),
    hash: payloadHash,
    keyId,
    sealed: sealMail(mail, bridgeKey.publicKey, { domain, keyId }, systemRandom),
    recipients: mail.recipients.length,
  });
}

export interface MailWorldOptions extends SmtpSinkOptions {
  readonly refuseRecipient?: (recipient: string) => MailOutcome | undefined;
  readonly delivered?: () => Delivered;
  readonly parts?: Partial<MailOutParts>;
}

export async function mailWorld(t: ExecutionContext, options: MailWorldOptions = {}) {
  const { refuseRecipient, delivered, parts, ...sinkOptions } = options;
  const { store, clock, dir, reopen } = await opened(t);
  const sink = await startSmtpSink({ hideSTARTTLS: true, ...sinkOptions });
  t.teardown(() => sink.close());
  const told: Told[] = [];
  const seen = new Set<string>();
  const metrics = createMetrics();
  const deliver = async ({ to, content }: MailToDeliver): Promise<readonly Delivered[]> =>
    to.map((one): Delivered => {
      const outcome = delivered?.() ?? { outcome: 'stored', handle: 'a'.repeat(16) };
      const once = Buffer.from(one.once ?? []).toString('hex');
      if (outcome.outcome !== 'stored') return outcome;
      if (seen.has(once)) return { ...outcome, outcome: 'repeated' };
      seen.add(once);
      told.push({ to: one, text: Buffer.concat(content).toString() });
      return outcome;
    });
  const runner = (over: Store = store) => {
    const send = createSmtp({
      resolver: createResolver({ servers: [], dnssec: 'off' }),
      hello: 'post.hoster.test',
    });
    const carry = createVia({ host: '127.0.0.1', port: sink.port, implicit: false }, send);
    return createMailOut({
      queue: over.mailQueue,
      blobs: over.blobs,
      bridgeKey(_domain, keyId) {
        if (Buffer.compare(keyId, bridgeKey.id) !== 0) throw new BeckonError('key_unknown', 'no such key');
        return bridgeKey.secret;
      },
      ownAddresses: async () => ['alice@alpha.test', 'the.alice@alpha.test'],
      refuse: async (recipient) => refuseRecipient?.(recipient),
      routes: createRoutes({ carry, routeOf: () => 'via', limit: 4, clock }),
      tell: createTell({
        queue: over.mailQueue,
        deliver,
        addressOf: async () => 'alice@alpha.test',
        bridgeAddress: () => 'mail-bridge@alpha.test',
        host: 'post.hoster.test',
        clock,
        draw: () => 0.5,
      }),
      host: 'post.hoster.test',
      clock,
      draw: () => 0.5,
      metrics,
      log: silentLog,
      ...parts,
    });
  };
  return { store, clock, dir, reopen, sink, told, runner, metrics };
}

export async function statesOf(store: Store, { id }: QueuedMail): Promise<readonly string[] | undefined> {
  return (await store.mailQueue.get(alice, id))?.recipients.map(({ state, code }) =>
    `${state} ${code ?? ''}`.trim(),
  );
}
