/** A receiving domain that pulls from domains on loopback: real DNS, TLS and store; what those serve is the test's. */
import { randomBytes } from 'node:crypto';
import { base64urlnopad } from '@scure/base';
import type { ExecutionContext } from 'ava';
import { systemRandom } from '../../src/crypto/random.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { createRemote } from '../../src/directory/remote.ts';
import { createReadCopy } from '../../src/fetch/blind.ts';
import type { PullTerms } from '../../src/fetch/pull-one.ts';
import { createPulling, type PullLimits } from '../../src/fetch/pull.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { createKeyRing } from '../../src/keys/key-ring.ts';
import { traceHandleBytes } from '../../src/keys/fingerprints.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import { sealEnvelope } from '../../src/message/envelope.ts';
import { proveBlind } from '../../src/message/poll-proof.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { RefLabels } from '../../src/wire/notification.ts';
import { sealedEnvelope, messageObject, type Envelope } from '../../src/wire/message.ts';
import { sizeClass } from '../../src/wire/padding.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { found, startWorld, type Route, type Site } from '../directory/world.ts';
import { alice, opened, random, sha256 } from '../store/fixture.ts';
import { keyOf } from '../support/identities.ts';
import { freshDrop, type TestDrop } from './fixture.ts';

export const receiver = 'alpha.test';
export const user = alice.user;
export const day = 86_400;
const octets = 'application/octet-stream';

export interface Announced {
  readonly id: Uint8Array;
  readonly payload: Uint8Array;
  readonly object: Uint8Array;
  /** `m/{id}`, below which the site serves it. */
  readonly path: string;
  readonly ref: {
    readonly recipientHash: Uint8Array;
    readonly sender: string;
    readonly messageId: Uint8Array;
  };
}

/** A payload as a sound domain serves it, ranges apart. */
export function servesPayload(payload: Uint8Array, hash = sha256(payload)): Route {
  return (response) => {
    response.writeHead(200, {
      'content-type': octets,
      etag: `"${base64urlnopad.encode(hash)}"`,
      'content-length': payload.length,
    });
    response.end(payload);
  };
}

export interface PullWorldOptions {
  readonly allow?: string[];
  readonly attemptMs?: number;
  readonly limits?: PullLimits;
  readonly terms?: Partial<PullTerms>;
}

export type PullWorld = Awaited<ReturnType<typeof startPullWorld>>;

export async function startPullWorld(t: ExecutionContext, options: PullWorldOptions = {}) {
  const world = await startWorld(t, options);
  const { clock, domains, https, log } = world;
  const { store, dir, reopen } = await opened(t, { clock });
  const keyRing = createKeyRing();
  const { keys } = createDomainKeys(receiver, clock.seconds() - 20 * day, systemRandom);
  keyRing.set(keys);
  const terms = { userBytes: 5e6, domainBytes: 1e7, keep: 60 * day, ...options.terms };
  const metrics = createMetrics();
  const pullingOf = () =>
    createPulling({
      ...store,
      domains,
      remote: createRemote({ https }),
      keysOf: (domain) => keyRing.keysOf(domain)?.keys ?? [],
      termsOf: async () => terms,
      registrable: (domain) => domain.split('.').slice(-2).join('.'),
      clock,
      expiry: clock,
      steady: clock,
      draw: () => 0.5,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.attemptMs === undefined ? {} : { attemptMs: options.attemptMs }),
      metrics,
      log,
    });
  const pulling = pullingOf();
  const drop: TestDrop = freshDrop(receiver);

  /** A message as a sound sender makes it, served by the site and not announced yet; `changes` of its envelope are signed too. */
  function offer(site: Site, size = 5000, changes: Partial<Envelope> = {}): Announced {
    const [id, payload, header] = [random(32), random(size), random(4096)];
    const sender = createUserKeys(site.domain, systemRandom, clock.seconds());
    const content: Envelope = {
      destination: receiver,
      sender: `ann@${site.domain}`,
      recipientHash: drop.hash,
      messageId: id,
      mediaType: 'message/rfc822',
      payloadSize: size,
      payloadHash: sha256(payload),
      created: clock.seconds(),
      expires: clock.seconds() + 7 * day,
      flags: 0,
      headerHash: sha256(header),
      to: random(32),
      ...changes,
    };
    const { id: keyId, publicKey: key } = keyOf(keys, 'envelope');
    const published = { use: 'envelope', id: keyId, key } as Parameters<typeof sealEnvelope>[3];
    const envelope = sealEnvelope(content, sender.identity, new Secret(random(32)), published, systemRandom);
    const object = encode(messageObject, { header, envelope });
    const path = `m/${base64urlnopad.encode(id)}`;
    site.routes.set(path, found(object));
    site.routes.set(`${path}/payload`, servesPayload(payload));
    const ref = { recipientHash: drop.hash, sender: site.domain, messageId: id };
    return { id, payload, object, path, ref };
  }

  /** As a notification that was verified would. */
  async function announce(
    { ref: { recipientHash, sender, messageId }, payload }: Announced,
    labels?: RefLabels,
    size = payload.length,
  ): Promise<void> {
    await store.pending.admit({
      domain: receiver,
      sender,
      now: clock.seconds(),
      quota: { key: sender, refs: 1000 },
      introductionsPerHour: 0,
      refs: [
        {
          recipientHash,
          messageId,
          expires: clock.seconds() + 7 * day,
          sizeClass: sizeClass(size),
          ...(labels === undefined ? {} : { labels }),
        },
      ],
    });
  }

  async function delegate(message: Announced): Promise<void> {
    await announce(message);
    await store.pulls.ask({ domain: receiver, user }, message.ref, clock.seconds());
  }

  const readCopy = createReadCopy({
    pollKey: (domain, id) => keyRing.pollKey(domain, id, clock.seconds()),
    copies: store.copies,
    blobs: store.blobs,
    clock,
  });

  /** As the owner of the drop asks. */
  async function copyOf({ ref: { sender, messageId: id } }: Announced, owner = drop.owner) {
    const poll = keyOf(keys, 'poll');
    const occasion = { domain: receiver, keyId: poll.id, time: clock.seconds(), nonce: randomBytes(16) };
    const entry = proveBlind(owner, poll.publicKey, occasion, { sender, id });
    const { time, nonce, keyId } = occasion;
    return await readCopy(receiver, { time, nonce, keyId, entry }, '192.0.2.1');
  }

  /** Standing: all that comes over the drop. */
  async function pullAll(until = clock.seconds() + 30 * day): Promise<void> {
    await store.pulls.set({ domain: receiver, user }, [{ recipientHash: drop.hash, until }], clock.seconds());
    if (until > clock.seconds()) await pulling.collect(receiver, drop.hash, user);
  }

  return {
    ...world,
    store,
    dir,
    reopen,
    pulling,
    /** A turn of a daemon that begins again. */
    pullAgain: () => pullingOf().turn(),
    drop,
    offer,
    announce,
    delegate,
    pullAll,
    copyOf,
    readCopy,
    keys,
    metrics,
    used: () => store.copies.used({ domain: receiver, user }),
    events: async ({ id }: Announced) =>
      (await store.events.byHandle(traceHandleBytes(id))).map(({ kind }) => kind),
  };
}

/** The envelope of a message with bytes of the test's choice. */
export function garbled(object: Uint8Array): Uint8Array {
  const { header, envelope } = decode(messageObject, object);
  const sealed = decode(sealedEnvelope, envelope);
  const ciphertext = sealed.ciphertext.map((byte, i) => (i === 100 ? byte ^ 1 : byte));
  return encode(messageObject, { header, envelope: encode(sealedEnvelope, { ...sealed, ciphertext }) });
}
