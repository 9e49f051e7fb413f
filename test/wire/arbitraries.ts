/** Valid values of every structure that src/wire decodes, and the decoders themselves, for property-based tests. */
import fc, { type Arbitrary } from 'fast-check';
import { canonicalLocal, checkAddress, formatAddress } from '../../src/wire/address.ts';
import * as blind from '../../src/wire/blind.ts';
import * as collect from '../../src/wire/collect.ts';
import { checkDomain } from '../../src/wire/domain-name.ts';
import * as identity from '../../src/wire/identity.ts';
import * as gateway from '../../src/wire/gateway.ts';
import { invitation } from '../../src/wire/invitation.ts';
import { contactCard } from '../../src/wire/card.ts';
import { maxStateBlob, pairing, stateBlob } from '../../src/wire/state.ts';
import * as mail from '../../src/wire/mail.ts';
import * as keys from '../../src/wire/keys.ts';
import { mailSubmission, type MailSubmission } from '../../src/wire/mail-submission.ts';
import * as message from '../../src/wire/message.ts';
import * as notification from '../../src/wire/notification.ts';
import * as preferences from '../../src/wire/preferences.ts';
import { decode, encode, type Schema } from '../../src/wire/schema.ts';
import { decodeSign1, encodeProtected, encodeSign1, protectedHeader } from '../../src/wire/sign1.ts';
import * as users from '../../src/wire/users.ts';

/** One decoder: what it takes, what it gives, and how that is written again. */
export interface Codec<T> {
  readonly valid: Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
}

const sized = (length: number): Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const blob = (minLength: number, maxLength: number): Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const short = (maxBytes: number, minLength = 1): Arbitrary<string> =>
  fc
    .string({ unit: 'binary', minLength, maxLength: Math.floor(maxBytes / 4) })
    .filter((text) => text.isWellFormed());

const hash = sized(32);
const time = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 40 - 1 }));
const byte = fc.integer({ min: 0, max: 255 });
const length = fc.integer({ min: 0, max: 2 ** 50 });
const mediaType = fc.constantFrom('message/rfc822', 'text/plain; charset=utf-8', 'a/b');
const cursor = blob(1, 64);

const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9]{0,8}[a-z0-9])?$/);
export const domain: Arbitrary<string> = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.constantFrom('test', 'org', 'xn--p1ai'))
  .map(([labels, top]) => [...labels, top].join('.'))
  .filter((name) => accepts(() => checkDomain(name)));

export const localPart: Arbitrary<string> = fc
  .oneof(
    fc.stringMatching(/^[a-z0-9]{1,12}(?:\.[a-z0-9_-]{1,8})?$/),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  )
  .map((typed) => (accepts(() => canonicalLocal(typed)) ? canonicalLocal(typed) : 'alice'));

export const address: Arbitrary<string> = fc
  .record({ local: localPart, domain })
  .map((parts) => formatAddress(parts))
  .filter((text) => accepts(() => checkAddress(text)));

function accepts(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

/** Encoded items of any kind, as unknown fields and capabilities hold them. */
const encodedItem = fc.constantFrom('00', 'f5', '6161', '820102', 'a10102', `5818${'00'.repeat(24)}`, '20');
const raw = encodedItem.map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
const unknownFields = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 100, max: 70_000 }), raw), {
    minLength: 1,
    maxLength: 3,
    selector: ([key]) => key,
  })
  .map((entries) => new Map(entries.sort(([a], [b]) => a - b)));

type Model<T> = { readonly [K in keyof T]-?: Arbitrary<T[K]> };

/** A record: absent fields are left out, and some have fields that nobody knows yet. */
function recordOf<T extends { readonly unknown?: ReadonlyMap<number, Uint8Array> }>(
  model: Omit<Model<T>, 'unknown'>,
  optional: readonly (keyof T & string)[] = [],
): Arbitrary<T> {
  const requiredKeys = Object.keys(model).filter((key) => !optional.includes(key as keyof T & string));
  const all = { ...model, unknown: unknownFields } as Record<string, Arbitrary<unknown>>;
  return fc.record(all, { requiredKeys: requiredKeys as [] }) as unknown as Arbitrary<T>;
}

const keyEntry = recordOf<keys.KeyEntry>(
  {
    id: sized(8),
    use: byte,
    suite: byte,
    key: blob(32, 80),
    status: byte,
    notBefore: time,
    notAfter: time,
    revokedAt: time,
  },
  ['revokedAt'],
);
const keyEntries = fc.array(keyEntry, { maxLength: 4 });
const capabilities = fc
  .uniqueArray(fc.tuple(short(64), raw), { maxLength: 3, selector: ([name]) => name })
  .map((entries) => new Map(entries.sort(([a], [b]) => byEncoding(a, b))));
const attachments = fc.array(fc.tuple(byte, blob(1, 50)), { maxLength: 4 });

/** Text keys sort by length, then by bytes. */
function byEncoding(a: string, b: string): number {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length - y.length || Buffer.compare(x, y);
}

const refLabels = recordOf<notification.RefLabels>({ introduction: sized(178), retraction: fc.boolean() }, [
  'introduction',
  'retraction',
]);
const ref: Arbitrary<notification.Ref> = fc.record(
  {
    recipientHash: hash,
    messageId: hash,
    expires: time,
    sizeClass: fc.integer({ min: 0, max: 63 }),
    labels: refLabels,
  },
  { requiredKeys: ['recipientHash', 'messageId', 'expires', 'sizeClass'] },
);

const drop = recordOf<message.Drop>(
  { domain, pollKey: hash, suite: byte, sealingKey: blob(32, 80), created: time, notAfter: time },
  ['domain'],
);
const move = fc.tuple(domain, address, hash);
const doneRef = fc.tuple(hash, byte);
const score = fc.tuple(short(253), fc.maxSafeNat(), fc.array(short(64), { maxLength: 3 }));

const pollEntry = recordOf<collect.PollEntry>(
  {
    pollKey: hash,
    proof: sized(16),
    done: fc.array(doneRef, { minLength: 1, maxLength: 3 }),
    after: cursor,
  },
  ['done', 'after'],
);
const preferenceEntry = recordOf<preferences.PreferenceEntry>({
  pollKey: hash,
  proof: sized(16),
  counter: time,
  preference: byte,
  until: time,
});
const pullEntry = recordOf<blind.PullEntry>(
  { pollKey: hash, proof: sized(16), user: hash, until: time, message: fc.tuple(domain, hash) },
  ['until', 'message'],
);
const blindEntry = recordOf<blind.BlindEntry>({
  pollKey: hash,
  proof: sized(16),
  sender: domain,
  id: hash,
});
const pollRef = recordOf<collect.PollRef>(
  {
    id: hash,
    sender: domain,
    expires: time,
    firstSeen: time,
    sizeClass: fc.integer({ min: 0, max: 63 }),
    labels: refLabels,
    blind: time,
    scores: fc.array(score, { maxLength: 2 }),
  },
  ['labels', 'scores', 'blind'],
);
const pollAnswer = recordOf<collect.PollAnswer>({ refs: fc.array(pollRef, { maxLength: 3 }), next: cursor }, [
  'next',
]);
const feedEntry = recordOf<collect.FeedEntry>({
  sender: domain,
  introduction: sized(178),
  firstSeen: time,
  expires: time,
});
const coverPart = recordOf<message.CoverPart>(
  { id: hash, expires: time, mediaType, length, fileName: short(255) },
  ['fileName'],
);

function codec<T>(schema: Schema<T>, valid: Arbitrary<T>, maxSize?: number): Codec<T> {
  return {
    valid,
    encode: (value) => encode(schema, value),
    decode: (bytes) => decode(schema, bytes, maxSize),
  };
}

const signedProtected = sized(8).map(encodeProtected);

const verdict = recordOf<mail.MailVerdict>({ result: short(32), domain: short(254) }, ['domain']);
const mailModel = recordOf<mail.Mail>(
  {
    kind: byte,
    reversePath: short(254, 0),
    recipient: short(254),
    received: time,
    from: short(254, 0),
    replyTo: short(254),
    verdicts: recordOf<mail.MailVerdicts>(
      { spf: verdict, dkim: verdict, dmarc: verdict, arc: verdict, doubt: verdict },
      ['spf', 'dkim', 'dmarc', 'arc', 'doubt'],
    ),
    reference: sized(10),
    client: short(254),
  },
  ['replyTo', 'verdicts', 'reference', 'client'],
);

const gatewayKeysModel = recordOf<gateway.GatewayKeys>({
  address,
  fingerprint: hash,
  deviceKey: sized(32),
  stateKey: sized(32),
});
const pushRuleModel = recordOf<gateway.PushRule>({ kind: byte, match: short(305, 0), folder: short(256) });

/** Every schema that src/wire exports under the name of its CDDL rule, and the decoders that are none. */
export const codecs = {
  'key-entry': codec(keys.keyEntry, keyEntry),
  mandate: codec(
    keys.mandate,
    recordOf<keys.Mandate>({
      domain,
      serial: time,
      identityKey: hash,
      signingKeys: keyEntries,
      revoked: fc.array(sized(8), { maxLength: 3 }),
      recoveryHash: hash,
      escrow: byte,
      created: time,
    }),
  ),
  'domain-limits': codec(
    keys.domainLimits,
    recordOf({ introductionsPerHour: fc.maxSafeNat(), payload: fc.maxSafeNat() }, [
      'introductionsPerHour',
      'payload',
    ] as never),
  ),
  'domain-record': codec(
    keys.domainRecord,
    recordOf<keys.DomainRecord>({
      domain,
      serial: time,
      mandate: blob(1, 300),
      keys: keyEntries,
      created: time,
      expires: time,
      contact: short(254),
      limits: fc.constant({ payload: 5 }),
      bucketBits: fc.integer({ min: 0, max: 12 }),
      capabilities,
    }),
  ),
  'domain-answer': codec(
    keys.domainAnswer,
    recordOf<keys.DomainAnswer>({ record: blob(1, 300), attachments }),
  ),
  'user-record': codec(
    users.userRecord,
    recordOf<users.UserRecord>(
      {
        domain,
        addressHash: hash,
        identityKey: hash,
        keys: keyEntries,
        created: time,
        expires: time,
        serial: time,
        previous: hash,
        dropsSince: time,
        capabilities,
        flags: fc.integer({ min: 0, max: 0xffff }),
        movedTo: move,
        movedFrom: move,
      },
      ['previous', 'dropsSince', 'movedTo', 'movedFrom'],
    ),
  ),
  'user-listing': codec(
    users.userListing,
    recordOf<users.UserListing>({
      domain,
      addressHash: hash,
      inner: blob(1, 300),
      status: byte,
      created: time,
      expires: time,
      escrow: fc.boolean(),
    }),
  ),
  'by-mail': codec(
    users.byMail,
    recordOf<users.ByMail>({ domain, addressHash: hash, created: time, expires: time }),
  ),
  'user-answer': codec(
    users.userAnswer,
    recordOf<users.UserAnswer>({ listing: blob(1, 300), byMail: blob(1, 100), attachments }, [
      'listing',
      'byMail',
    ]),
  ),
  drop: codec(message.drop, drop),
  letter: codec(
    message.letter,
    recordOf<message.Letter>(
      {
        author: address,
        fingerprint: hash,
        id: sized(16),
        parents: fc.array(sized(16), { minLength: 1, maxLength: 3 }),
        retracts: sized(16),
        created: time,
        plaintextHash: hash,
        plaintextLength: length,
        mediaType,
        fileName: short(255),
        audience: address,
        extensions: raw,
      },
      ['parents', 'retracts', 'fileName', 'audience', 'extensions'],
    ),
  ),
  'mail-submission': codec(
    mailSubmission,
    recordOf<MailSubmission>({
      contentKey: hash,
      reversePath: address,
      recipients: fc.array(
        fc.constantFrom('Carol@gamma.test', "o'hara+a.b@xn--p1ai.test", 'каждый@gamma.test'),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      plaintextHash: hash,
      plaintextLength: length,
      created: time,
      notify: byte,
    }),
  ),
  'private-header': codec(
    message.privateHeader,
    recordOf<message.PrivateHeader>(
      {
        contentKey: hash,
        envelopeKey: hash,
        bindingKey: hash,
        acceptToken: hash,
        replyDrop: drop,
        tag: short(64),
        recordFingerprint: hash,
        letter: blob(1, 300),
        flags: fc.nat(0xffff),
      },
      ['replyDrop', 'tag', 'flags'],
    ),
  ),
  envelope: codec(
    message.envelope,
    recordOf<message.Envelope>({
      destination: domain,
      sender: address,
      recipientHash: hash,
      messageId: hash,
      mediaType,
      payloadSize: length,
      payloadHash: hash,
      created: time,
      expires: time,
      flags: fc.integer({ min: 0, max: 0xffff }),
      headerHash: hash,
      to: hash,
    }),
  ),
  'sealed-envelope': codec(
    message.sealedEnvelope,
    recordOf<message.SealedEnvelope>({
      destination: domain,
      keyId: sized(8),
      sealedKey: sized(1168),
      ciphertext: blob(1, 300),
    }),
  ),
  'message-object': codec(
    message.messageObject,
    recordOf<message.MessageObject>({ header: sized(4096), envelope: blob(1, 300) }),
    message.maxMessageObject,
  ),
  'cover-part': codec(message.coverPart, coverPart),
  cover: codec(
    message.cover,
    recordOf<message.Cover>({ parts: fc.array(coverPart, { minLength: 1, maxLength: 3 }) }),
  ),
  'accept-request': codec(
    message.acceptRequest,
    recordOf<message.AcceptRequest>({ id: hash, acceptToken: hash }),
  ),
  'ref-labels': codec(notification.refLabels, refLabels),
  ref: codec(notification.ref, ref),
  notification: codec(
    notification.notification,
    recordOf<notification.Notification>({
      sender: domain,
      serial: time,
      time,
      refs: fc.array(ref, { minLength: 1, maxLength: 4 }),
    }),
  ),
  'poll-entry': codec(collect.pollEntry, pollEntry),
  'poll-request': codec(
    collect.pollRequest,
    recordOf<collect.PollRequest>({
      time,
      nonce: sized(16),
      keyId: sized(8),
      entries: fc.array(pollEntry, { minLength: 1, maxLength: 3 }),
    }),
    collect.maxPollRequest,
  ),
  'preference-entry': codec(preferences.preferenceEntry, preferenceEntry),
  'preferences-request': codec(
    preferences.preferencesRequest,
    recordOf<preferences.PreferencesRequest>({
      time,
      nonce: sized(16),
      keyId: sized(8),
      entries: fc.array(preferenceEntry, { minLength: 1, maxLength: 3 }),
    }),
    preferences.maxPreferencesRequest,
  ),
  'pull-entry': codec(blind.pullEntry, pullEntry, blind.maxPullEntry),
  'blind-entry': codec(blind.blindEntry, blindEntry),
  'blind-request': codec(
    blind.blindRequest,
    recordOf<blind.BlindRequest>(
      { time, nonce: sized(16), keyId: sized(8), entry: blindEntry, start: length },
      ['start'],
    ),
    blind.maxBlindRequest,
  ),
  'poll-ref': codec(collect.pollRef, pollRef),
  'poll-answer': codec(collect.pollAnswer, pollAnswer),
  'watch-event': codec(
    collect.watchEvent,
    recordOf<collect.WatchEvent>({ entry: fc.integer({ min: 0, max: 63 }), answer: pollAnswer }),
    collect.maxWatchEvent,
  ),
  'poll-response': codec(
    collect.pollResponse,
    recordOf<collect.PollResponse>({ answers: fc.array(pollAnswer, { maxLength: 3 }) }),
    collect.maxPollResponse,
  ),
  'feed-entry': codec(collect.feedEntry, feedEntry),
  'feed-response': codec(
    collect.feedResponse,
    recordOf<collect.FeedResponse>({ entries: fc.array(feedEntry, { maxLength: 3 }), next: cursor }, [
      'next',
    ]),
    collect.maxFeedResponse,
  ),
  problem: codec(
    collect.problem,
    recordOf<collect.Problem>({ code: short(64), detail: short(512, 0), retryAfter: fc.maxSafeNat() }, [
      'retryAfter',
    ]),
  ),
  'state-blob': codec(
    stateBlob,
    recordOf({ version: byte, keyId: sized(8), sealed: blob(72, 300) }),
    maxStateBlob,
  ),
  'contact-card': codec(
    contactCard,
    recordOf({ address, fingerprint: hash, recordFingerprint: hash, drop, created: time }, [
      'recordFingerprint',
    ]),
  ),
  pairing: codec(
    pairing,
    recordOf({ domain, local: localPart, pairingKey: sized(32), fingerprint: hash, stateKey: sized(32) }),
  ),
  'gateway-keys': codec(gateway.gatewayKeys, gatewayKeysModel),
  'gateway-wrap': codec(
    gateway.gatewayWrap,
    recordOf({
      memory: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      passes: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      salt: sized(16),
      nonce: sized(24),
      sealed: sized(528),
    }),
  ),
  'gateway-push': codec(
    gateway.gatewayPush,
    recordOf<gateway.GatewayPush>(
      {
        keys: gatewayKeysModel,
        host: short(255),
        port: fc.integer({ min: 0, max: 65_535 }),
        user: short(320),
        password: short(1024),
        folder: short(256),
        rules: fc.array(pushRuleModel, { maxLength: 3 }),
        sentFolder: short(256),
      },
      ['sentFolder'],
    ),
  ),
  'push-rule': codec(gateway.pushRule, pushRuleModel),
  'sealed-push': codec(gateway.sealedPush, recordOf({ keyId: sized(8), sealed: sized(17_520) })),
  'identity-change': codec(
    identity.identityChange,
    recordOf<identity.IdentityChange>(
      { domain, by: byte, signer: hash, identityKey: hash, recoveryHash: hash, created: time },
      ['recoveryHash'],
    ),
  ),
  'identity-changes': codec(
    identity.identityChanges,
    recordOf<identity.IdentityChanges>({ changes: fc.array(blob(1, 50), { maxLength: 4 }) }),
  ),
  'parent-signature': codec(
    identity.parentSignature,
    recordOf<identity.ParentSignature>({
      domain,
      fingerprint: hash,
      parent: domain,
      parentKey: hash,
      created: time,
      expires: time,
    }),
  ),
  'mail-verdicts': codec(
    mail.mailVerdicts,
    recordOf<mail.MailVerdicts>(
      { spf: verdict, dkim: verdict, dmarc: verdict, arc: verdict, doubt: verdict },
      ['spf', 'dkim', 'dmarc', 'arc', 'doubt'],
    ),
  ),
  'mail-verdict': codec(mail.mailVerdict, verdict),
  mail: codec(mail.mail, mailModel),
  'letter-extensions': codec(
    mail.letterExtensions,
    recordOf<mail.LetterExtensions>({ mail: mailModel }, ['mail']),
  ),
  'mail-capability': codec(
    mail.mailCapability,
    recordOf<mail.MailCapability>({ local: short(64), fingerprint: hash }),
  ),
  invitation: codec(invitation, recordOf({ domain, local: localPart, token: sized(16), fingerprint: hash })),
  'protected-header': codec(
    protectedHeader,
    recordOf({ algorithm: fc.constantFrom(-19, -8, 5), keyId: sized(8) }),
  ),
  sign1: {
    valid: fc
      .record({ protected: signedProtected, payload: blob(1, 300), signature: sized(64) })
      .map((signed) => decodeSign1(encodeSign1(signed))),
    encode: encodeSign1,
    decode: (bytes) => decodeSign1(bytes),
  } satisfies Codec<ReturnType<typeof decodeSign1>>,
  introduction: {
    valid: fc.record({ addressingKey: hash, identityFingerprint: hash, local: localPart }),
    encode: notification.encodeIntroduction,
    decode: notification.decodeIntroduction,
  } satisfies Codec<notification.IntroductionPlain>,
  'sealed introduction': {
    valid: fc.record({
      type: fc.integer({ min: 0, max: 15 }),
      bucket: fc.integer({ min: 0, max: 0xfff }),
      sealed: sized(176),
    }),
    encode: notification.joinIntroduction,
    decode: notification.splitIntroduction,
  } satisfies Codec<notification.SealedIntroduction>,
};

export type CodecName = keyof typeof codecs;
/** The codecs without their types, which differ: for tests that treat all alike. */
export const codecEntries = Object.entries(codecs) as unknown as readonly (readonly [
  CodecName,
  Codec<unknown>,
])[];
