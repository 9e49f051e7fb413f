/**
 * Mail to native users, as messages of a bridge user, wire-spec/bridges.md section 4. Clear text is in memory alone.
 *
 *  1. each recipient is found; what was stored for one before (`once`) is not stored again
 *  2. the bytes are encrypted once for all, under a key of their own
 *  3. a letter, a header and an envelope are sealed for each
 *  4. one write stores all of it, and what tells that it waits: on disk when it resolves
 */
import type { Clock } from '../clock.ts';
import { hkdf } from '../crypto/kdf.ts';
import { encapsulateWith, type Encapsulate } from '../crypto/xwing.ts';
import type { PrepareSeals } from '../crypto/xwing-batch.ts';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { codeOf } from '../errors.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { traceHandleBytes, traceHandleText } from '../keys/fingerprints.ts';
import { signLetter } from '../message/letter.ts';
import { envelopeKeyOf, sealMessage } from '../message/message.ts';
import { encryptPayload, encryptWhole, payloadSize, type PayloadSummary } from '../message/payload.ts';
import type { Metrics } from '../metrics.ts';
import type { DeliveredMessage, DeliveryStore, NewDelivery } from '../store/api/deliveries.ts';
import type { EventStore } from '../store/api/events.ts';
import type { Owner } from '../store/api/terms.ts';
import type { UsageLimits } from '../store/api/transit.ts';
import type { UploadStore } from '../store/api/uploads.ts';
import { context } from '../wire/context.ts';
import { encodeMailExtensions } from '../wire/mail.ts';
import { sizeClass } from '../wire/padding.ts';
import { mailKinds, mediaTypes, sizes, times } from '../wire/registry.ts';
import { bridgeSender, type BridgeSender, type Way, type Ways } from './bridge-sender.ts';
import type { Deliver, Delivered, DeliverTo, MailToDeliver } from './deliver-api.ts';
import type { MailQuota } from './mail-quota.ts';
import type { NativeRecipient, NativeRecipients } from './native-recipients.ts';

export interface DeliverParts {
  readonly keysOf: (domain: string) => DomainKeys | undefined;
  readonly recipients: NativeRecipients;
  readonly ways: Ways;
  readonly quota: Pick<MailQuota, 'fits'>;
  readonly deliveries: DeliveryStore;
  readonly uploads: Pick<UploadStore, 'open' | 'write'>;
  readonly events: Pick<EventStore, 'add'>;
  /** How long messages to users elsewhere wait, in seconds. */
  readonly transitOf: (domain: string) => Promise<number>;
  /** What may wait of all domains together, in bytes. */
  readonly maxBytes: () => number;
  readonly clock: Clock;
  /** By which messages end. */
  readonly expiry: Clock;
  readonly random: Random;
  /** Where there are threads for it. */
  readonly prepareSeals?: PrepareSeals;
  readonly metrics: Metrics;
}

/** How long the same mail is known again, in seconds: longer than an MTA repeats. */
export const onceLife = 8 * 86_400;

/** What is written at a time, at least, in bytes: the store takes parts of twice as much. */
const partSize = 16 * 1024 * 1024;

/** Of all storage, what mail from outside may fill it up to: the rest is left to users, and to what they are told. */
const shareOfMail = 0.75;

/** One recipient on the way through. */
interface Addressed {
  readonly to: DeliverTo;
  readonly once: Uint8Array | undefined;
  readonly outcome: Delivered | NativeRecipient;
}

interface Encrypted extends PayloadSummary {
  readonly contentKey: Secret;
  readonly source: NewDelivery['source'];
}

export function createDeliver(parts: DeliverParts): Deliver {
  const { keysOf, recipients, ways, quota, deliveries, uploads, events, clock, expiry, random, metrics } =
    parts;
  const prepareSeals = parts.prepareSeals ?? (async () => encapsulateWith(random));

  async function address(
    sender: BridgeSender,
    to: DeliverTo,
    { now, size }: { readonly now: number; readonly size: number },
  ): Promise<Addressed> {
    const once = to.once && onceName(sender, to.once);
    const before = once && (await deliveries.delivered(once, now));
    if (before !== undefined)
      return { to, once, outcome: { outcome: 'repeated', handle: traceHandleText(before) } };
    const found = await recipients.find(to.address);
    if (found.kind === 'native') {
      // What a user is told of their own mail is always told.
      const fits = to.mail.kind !== mailKinds.mail || (await quota.fits(sender, found.recipient, size));
      return { to, once, outcome: fits ? found.recipient : { outcome: 'later', code: 'quota_exceeded' } };
    }
    if (found.kind === 'unknown') return { to, once, outcome: { outcome: 'unknown' } };
    const code = found.kind === 'legacy' ? 'discovery_legacy' : found.code;
    return { to, once, outcome: { outcome: 'later', code } };
  }

  /** The whole ciphertext in memory where it is small, else as an upload of the bridge user's. */
  async function encrypted(
    owner: Owner,
    content: readonly Uint8Array[],
    limits: UsageLimits,
  ): Promise<Encrypted> {
    const length = content.reduce((sum, piece) => sum + piece.length, 0);
    const size = payloadSize(length);
    const contentKey = new Secret(random(32));
    if (size <= sizes.payloadInCommit) {
      const { payload, summary } = encryptWhole(contentKey, content, random);
      return { ...summary, contentKey, source: { payload } };
    }
    const encryption = encryptPayload(contentKey, inTurn(content), length, random);
    const upload = random(16);
    await uploads.open(owner, upload, size, limits);
    const stream = encryption.stream[Symbol.asyncIterator]();
    for (let received = 0; received < size;)
      ({ received } = await uploads.write(owner, upload, received, atMost(stream, partSize)));
    // Its end, where the last part took all of it but that.
    await stream.next();
    return { ...encryption.result(), contentKey, source: { upload } };
  }

  async function store(
    sender: BridgeSender,
    content: readonly Uint8Array[],
    addressed: readonly (Addressed & { readonly outcome: NativeRecipient })[],
  ): Promise<readonly Delivered[]> {
    const owner = { domain: sender.domain, user: sender.addressHash };
    const isMail = addressed.some(({ to }) => to.mail.kind === mailKinds.mail);
    const limits = { totalBytes: Math.floor(parts.maxBytes() * (isMail ? shareOfMail : 1)) };
    // While another thread makes these, this one encrypts.
    const preparing = prepareSeals(addressed.flatMap(({ outcome }) => sealedTo(outcome, expiry.seconds())));
    const payload = await encrypted(owner, content, limits);
    const encapsulate = await preparing;
    const elsewhere = await parts.transitOf(sender.domain);
    const now = expiry.seconds();
    const messages = addressed.map(({ to, once, outcome }) =>
      sealed(sender, payload, to, outcome, {
        now,
        expires: now + (outcome.local ? times.transitMax : elsewhere),
        way: ways(sender, outcome),
        once,
        encapsulate,
      }),
    );
    const { source, payloadHash: hash } = payload;
    const before = await deliveries.deliver(owner, { source, hash, messages }, limits);
    payload.contentKey.wipe();
    await note(messages, now);
    return messages.map(({ message }, i) => {
      const earlier = before[i];
      return earlier === undefined
        ? { outcome: 'stored', handle: traceHandleText(message.traceHandle) }
        : { outcome: 'repeated', handle: traceHandleText(earlier) };
    });
  }

  function sealed(
    sender: BridgeSender,
    payload: Encrypted,
    { mail, tag }: DeliverTo,
    recipient: NativeRecipient,
    how: {
      readonly now: number;
      readonly expires: number;
      readonly way: Way;
      readonly once: Uint8Array | undefined;
      readonly encapsulate: Encapsulate;
    },
  ): DeliveredMessage {
    const { now, expires, way, once, encapsulate } = how;
    const id = random(sizes.messageId);
    const letter = signLetter(
      {
        author: sender.address,
        fingerprint: sender.fingerprint,
        id: random(sizes.letterId),
        created: now,
        plaintextHash: payload.plaintextHash,
        plaintextLength: payload.plaintextLength,
        mediaType: mediaTypes.mail,
        extensions: encodeMailExtensions(mail),
      },
      sender.identity,
    );
    const { header, envelope, acceptTokenHash } = sealMessage({
      sender: { address: sender.address, identity: sender.identity },
      recipient,
      domain: recipient.domain,
      drop: { recipientHash: way.recipientHash, sealingKey: recipient.sealing.key },
      messageId: id,
      letter,
      payload: {
        contentKey: payload.contentKey,
        size: payload.payloadSize,
        hash: payload.payloadHash,
        mediaType: mediaTypes.mail,
      },
      expires,
      ...(tag === undefined ? {} : { tag }),
      now,
      random,
      encapsulate,
    });
    const message = {
      id,
      destination: recipient.domain.domain,
      recipientHash: way.recipientHash,
      sizeClass: sizeClass(payload.payloadSize),
      introduction: way.introduction,
      header,
      envelope,
      acceptTokenHash,
      expires,
      traceHandle: traceHandleBytes(id),
      received: recipient.local,
    };
    return once === undefined ? { message } : { message, once: { name: once, until: now + onceLife } };
  }

  async function note(messages: readonly DeliveredMessage[], time: number): Promise<void> {
    metrics.submissions.inc(messages.length);
    await events.add(
      messages.map(({ message: { traceHandle: handle, destination: counterpart } }) => ({
        handle,
        time,
        kind: 'stored',
        counterpart,
      })),
    );
  }

  return async ({ from, to, content }: MailToDeliver) => {
    const now = clock.seconds();
    const sender = bridgeSender(keysOf(from), now);
    const size = payloadSize(content.reduce((sum, piece) => sum + piece.length, 0));
    const addressed = await Promise.all(to.map((one) => address(sender, one, { now, size })));
    const reached = addressed.filter(isReached);
    if (reached.length === 0) return addressed.map(settled);
    const stored = await store(sender, content, reached).catch((error: unknown) => refused(error, reached));
    return addressed.map((one) =>
      isReached(one) ? (stored[reached.indexOf(one)] as Delivered) : settled(one),
    );
  };
}

/** The keys that header and envelope are sealed to. Throws `key_not_active`. */
function sealedTo({ sealing, domain }: NativeRecipient, now: number): readonly Uint8Array[] {
  return [sealing.key, envelopeKeyOf(domain, now).key];
}

function isReached(one: Addressed): one is Addressed & { readonly outcome: NativeRecipient } {
  return 'address' in one.outcome;
}

function settled({ outcome }: Addressed): Delivered {
  return outcome as Delivered;
}

/** What another try may mend; throws the rest. */
function refused(error: unknown, reached: readonly unknown[]): readonly Delivered[] {
  const code = codeOf(error);
  if (!['storage_full', 'quota_exceeded', 'key_not_active', 'unavailable'].includes(code)) throw error;
  return reached.map(() => ({ outcome: 'later', code }));
}

/** The next pieces of a stream, until they are so many bytes. The stream goes on after them. */
async function* atMost(stream: AsyncIterator<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  for (let given = 0; given < bytes;) {
    const next = await stream.next();
    if (next.done === true) return;
    given += next.value.length;
    yield next.value;
  }
}

async function* inTurn(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Nobody who has the store can try what mail came: the name is derived with a secret. */
function onceName({ domain, identity }: BridgeSender, once: Uint8Array): Uint8Array {
  return hkdf(identity.secret.expose(), context('delivered', domain, once));
}
