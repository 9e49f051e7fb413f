/** Cases of wire-spec/message.md: payload, private header, letter, envelope, whole messages. */
import { encryptBytes } from '../../src/crypto/chunked.ts';
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import { xwingPublic } from '../../src/crypto/xwing.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { introduction } from './addressing.ts';
import { collection, flipped, joined, now, utf8, type Case, type Collection, type Fields } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, type Node } from './encode.ts';
import { alice, beta, bob, recordNode, userRecordOf, type Fields as Labels, type Signing } from './people.ts';
import { seeded } from './random.ts';
import { ctx, hmac, padded, sha256, sign1, x25519Public } from './reference.ts';
import { addDecoding, mapRulesOf, sampleNode } from './structures.ts';

const day = 86_400;
const sections: Readonly<Record<string, string>> = {
  'private-header': '3',
  letter: '4',
  cover: '6',
  'cover-part': '6',
};

export function message(): readonly Case[] {
  const cases = collection();
  for (const structure of mapRulesOf('message.md'))
    addDecoding(cases, structure, `message.md section ${sections[structure] ?? '5'}`);
  addIds(cases);
  addPayloads(cases);
  addPrivateHeaders(cases);
  addLetters(cases);
  addEnvelopes(cases);
  addMessages(cases);
  addCovers(cases);
  return cases.cases;
}

// --- sections 1 and 2 ---

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? [])
    .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)])
    .join('');
}

const messageId = seeded('message id')(32);

function addIds(cases: Collection): void {
  const info = ctx('trace', messageId);
  cases.positive('trace-handle', {
    spec: 'message.md section 1',
    description: 'what may be told to a hoster',
    operation: 'trace handle',
    inputs: { messageId },
    intermediate: { context: info, bytes: sha256(info).slice(0, 10) },
    output: base32(sha256(info).slice(0, 10)),
  });
}

/** Padmé on whole numbers of any size, with masks, and a floor of 4096. */
function padme(length: number): number {
  if (length <= 4096) return 4096;
  const bits = (n: bigint): bigint => BigInt(n.toString(2).length);
  const exponent = bits(BigInt(length)) - 1n;
  const mask = (1n << (exponent - bits(exponent))) - 1n;
  return Number((BigInt(length) + mask) & ~mask);
}

/** What chunked encryption adds: 56 bytes, and 16 for each chunk, the last of which is shorter than 16384. */
const encrypted = (length: number): number => 56 + length + 16 * (Math.floor(length / 16_384) + 1);

const payloadOf = (contentKey: Uint8Array, plaintext: Uint8Array): Uint8Array =>
  encryptBytes(contentKey, ctx('payload'), plaintext, () => seeded('payload salt')(24));

const withZeros = (content: Uint8Array, length = padme(content.length)): Uint8Array =>
  joined(content, new Uint8Array(length - content.length));

const contentKey = seeded('content key')(32);
const content = utf8('Subject: something waits\r\n\r\nand this is it\r\n');

function addPayloads(cases: Collection): void {
  const spec = 'message.md section 2';
  for (const length of [
    0,
    1,
    4096,
    4097,
    4352,
    4353,
    16_383,
    16_384,
    65_537,
    1_000_000,
    2 ** 31 + 1,
    2 ** 40 + 1,
    2 ** 49 + 1,
  ])
    cases.positive(`payload-size-${length}`, {
      spec,
      description: `the padded and the encrypted length of ${length} bytes`,
      operation: 'payload size',
      inputs: { plaintextLength: length },
      intermediate: { padded: padme(length) },
      output: encrypted(padme(length)),
    });
  const payload = payloadOf(contentKey, withZeros(content));
  cases.positive('encrypt-payload', {
    spec,
    description: 'a payload; salt is the randomness of chunked encryption',
    operation: 'encrypt payload',
    inputs: { contentKey, salt: seeded('payload salt')(24), plaintext: content },
    intermediate: { plaintextHash: sha256(content), payloadHash: sha256(payload) },
    output: payload,
  });
  const base = { spec, operation: 'decrypt payload' };
  const inputs = (bytes: Uint8Array, over: Fields = {}): Fields => ({
    contentKey,
    payload: bytes,
    plaintextLength: content.length,
    plaintextHash: sha256(content),
    payloadHash: sha256(bytes),
    ...over,
  });
  cases.positive('decrypt-payload', {
    ...base,
    description: 'the plaintext',
    inputs: inputs(payload),
    output: content,
  });
  const empty = payloadOf(contentKey, new Uint8Array(4096));
  cases.positive('decrypt-payload-empty', {
    ...base,
    description: 'an empty plaintext',
    inputs: inputs(empty, { plaintextLength: 0, plaintextHash: sha256(new Uint8Array(0)) }),
    output: new Uint8Array(0),
  });
  const dirty = withZeros(content);
  dirty[4095] = 1;
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    [
      'payload_mismatch',
      'another plaintext hash',
      inputs(payload, { plaintextHash: flipped(sha256(content)) }),
    ],
    ['payload_mismatch', 'another payload hash', inputs(payload, { payloadHash: flipped(sha256(payload)) })],
    [
      'payload_mismatch',
      'a length that is too short',
      inputs(payload, { plaintextLength: content.length - 1 }),
    ],
    [
      'payload_mismatch',
      'a length that is too long',
      inputs(payload, { plaintextLength: content.length + 1 }),
    ],
    ['payload_mismatch', 'a length of another padded size', inputs(payload, { plaintextLength: 5000 })],
    ['payload_mismatch', 'padding that is not zero', inputs(payloadOf(contentKey, dirty))],
    [
      'payload_mismatch',
      'more padding than Padme says',
      inputs(payloadOf(contentKey, withZeros(content, 4097))),
    ],
    [
      'payload_mismatch',
      'less padding than the floor',
      inputs(payloadOf(contentKey, withZeros(content, 4095))),
    ],
    ['commitment_mismatch', 'another content key', inputs(payload, { contentKey: flipped(contentKey) })],
    [
      'commitment_mismatch',
      'encrypted for another purpose',
      inputs(
        encryptBytes(contentKey, ctx('envelope body', 'beta.test'), withZeros(content), () =>
          seeded('payload salt')(24),
        ),
      ),
    ],
    ['open_failed', 'a changed chunk', inputs(flipped(payload, 100))],
    ['payload_truncated', 'no chunk', inputs(payload.slice(0, 56))],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('decrypt-payload', description), error, { ...base, description, inputs: fields });
}

// --- section 3 ---

const sealingSeed = seeded('drop sealing seed')(32);
const sealingKey = xwingPublic(sealingSeed);
const recipientHash = introduction().recipientHash;
const headerRandomness = seeded('private header seal')(64);
const headerOverhead = 1120 + 16;

const headerInfo = (
  over: { readonly domain?: string; readonly suite?: number; readonly messageId?: Uint8Array } = {},
): Uint8Array =>
  ctx(
    'private header',
    over.domain ?? 'beta.test',
    over.suite ?? 1,
    recipientHash,
    over.messageId ?? messageId,
  );

const sealHeader = (plaintext: Uint8Array, info = headerInfo(), key = sealingKey): Uint8Array =>
  hpkeSeal('xwing', key, info, new Uint8Array(0), plaintext, () => headerRandomness);

const paddedHeader = (header: Uint8Array, units = 1): Uint8Array =>
  padded(header, 4096 * units - headerOverhead);

function addPrivateHeaders(cases: Collection): void {
  const spec = 'message.md section 3';
  const small = encode(
    sampleNode('private-header', { replyDrop: sampleNode('drop', { sealingKey: new Uint8Array(32) }) }),
  );
  const big = encode(sampleNode('private-header', { letter: new Uint8Array(5000).fill(1) }));
  const binding = { domain: 'beta.test', recipientHash, messageId };
  for (const [name, header, units] of [
    ['one-unit', small, 1],
    ['two-units', big, 2],
  ] as const)
    cases.positive(`seal-private-header-${name}`, {
      spec,
      description: `an encoded private-header that fits into ${name.replace('-', ' ')} of 4096 bytes; randomness is the eseed`,
      operation: 'seal private header',
      inputs: { header, sealingKey, ...binding, randomness: headerRandomness },
      intermediate: { info: headerInfo(), plaintext: paddedHeader(header, units) },
      output: sealHeader(paddedHeader(header, units)),
    });
  const base = { spec, operation: 'open private header' };
  const inputs = (sealed: Uint8Array, over: Fields = {}): Fields => ({
    sealed,
    seeds: [sealingSeed],
    ...binding,
    ...over,
  });
  const sealed = sealHeader(paddedHeader(small));
  const others = [1, 2, 3, 4].map((i) => seeded(`other seed ${i}`)(32));
  cases.positive('open-private-header', {
    ...base,
    description: 'it opens',
    inputs: inputs(sealed),
    output: small,
  });
  cases.positive('open-private-header-with-the-fourth-seed', {
    ...base,
    description: 'four own sealing keys are tried at first contact',
    inputs: inputs(sealed, { seeds: [...others.slice(0, 3), sealingSeed] }),
    output: small,
  });
  const corrupt = paddedHeader(small);
  corrupt[corrupt.length - 1] = 1;
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    ['open_failed', 'changed', inputs(flipped(sealed))],
    ['open_failed', 'with another enc', inputs(flipped(sealed, 0))],
    ['open_failed', 'for another key', inputs(sealed, { seeds: others.slice(0, 1) })],
    ['open_failed', 'for the fifth key', inputs(sealed, { seeds: [...others, sealingSeed] })],
    ['open_failed', 'for no key', inputs(sealed, { seeds: [] })],
    ['open_failed', 'of another message', inputs(sealed, { messageId: flipped(messageId) })],
    ['open_failed', 'of another recipient hash', inputs(sealed, { recipientHash: flipped(recipientHash) })],
    ['open_failed', 'at another domain', inputs(sealed, { domain: 'alpha.test' })],
    [
      'open_failed',
      'sealed for another suite',
      inputs(sealHeader(paddedHeader(small), headerInfo({ suite: 2 }))),
    ],
    ['open_failed', 'of 4095 bytes', inputs(sealed.slice(0, -1))],
    ['open_failed', 'of 4097 bytes', inputs(joined(sealed, Uint8Array.of(0)))],
    ['open_failed', 'of no bytes', inputs(new Uint8Array(0))],
    [
      'open_failed',
      'that is not a multiple of 4096 bytes',
      inputs(sealHeader(padded(small, 4000 - headerOverhead))),
    ],
    ['padding_invalid', 'with a byte in the padding', inputs(sealHeader(corrupt))],
    [
      'cbor_trailing',
      'with a byte behind its content',
      inputs(sealHeader(paddedHeader(joined(small, Uint8Array.of(0))))),
    ],
    ['cbor_missing_field', 'that is empty', inputs(sealHeader(paddedHeader(encode(map()))))],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('open-private-header', description), error, {
      ...base,
      description: `a private header ${description}`,
      inputs: fields,
    });
}

// --- section 4 ---

const letterOf = (over: Labels = {}): Node =>
  recordNode({
    1: alice.address,
    2: alice.fingerprint,
    3: seeded('letter id')(16),
    6: now,
    7: sha256(content),
    8: content.length,
    9: 'message/rfc822',
    ...over,
  });

function signedLetter(over: Labels = {}, signing: Signing = {}): Uint8Array {
  const by = signing.key ?? alice.identity;
  const boundTo = signing.boundTo ?? 'alpha.test';
  return sign1(signing.purpose ?? 'letter', boundTo, signing.id ?? by.id, by.secret, encode(letterOf(over)))
    .encoded;
}

const person = (user: typeof alice): Fields => ({
  address: user.address,
  identityKey: user.identity.publicKey,
});

function addLetters(cases: Collection): void {
  const base = { spec: 'message.md section 4', operation: 'verify letter' };
  const inputs = (letter: Uint8Array): Fields => ({ letter, author: person(alice) });
  cases.positive('verify-letter', {
    ...base,
    description: 'the letter under its author',
    inputs: inputs(signedLetter()),
    output: {
      author: alice.address,
      fingerprint: alice.fingerprint,
      id: seeded('letter id')(16),
      created: now,
      plaintextHash: sha256(content),
      plaintextLength: content.length,
      mediaType: 'message/rfc822',
    },
  });
  const bad: readonly (readonly [ErrorCode, string, Uint8Array])[] = [
    ['fingerprint_mismatch', 'of another author', signedLetter({ 1: 'carol@alpha.test' })],
    ['fingerprint_mismatch', 'of another identity', signedLetter({ 2: bob.fingerprint })],
    ['key_unknown', 'naming another key', signedLetter({}, { id: alice.sealing.id })],
    [
      'signature_invalid',
      'signed with another key',
      signedLetter({}, { key: bob.identity, id: alice.identity.id }),
    ],
    ['signature_invalid', 'signed for another purpose', signedLetter({}, { purpose: 'envelope' })],
    ['signature_invalid', 'bound to the domain of the recipient', signedLetter({}, { boundTo: 'beta.test' })],
    ['signature_invalid', 'changed', flipped(signedLetter())],
  ];
  for (const [error, description, letter] of bad)
    cases.negative(nameOf('verify-letter', description), error, {
      ...base,
      description: `a letter ${description}`,
      inputs: inputs(letter),
    });
}

// --- section 5 ---

const envelopeKey = seeded('envelope key')(32);
const bindingKey = seeded('binding key')(32);
const acceptToken = seeded('accept token')(32);
const payload = payloadOf(contentKey, withZeros(content));

const toOf = (fingerprint: Uint8Array, address: string): Uint8Array =>
  hmac(bindingKey, ctx('to', fingerprint, address));

const envelopeOf = (headerHash: Uint8Array, over: Labels = {}): Node =>
  recordNode({
    1: 'beta.test',
    2: alice.address,
    3: recipientHash,
    4: messageId,
    5: 'message/rfc822',
    6: payload.length,
    7: sha256(payload),
    8: now,
    9: now + 14 * day,
    10: 0,
    11: headerHash,
    12: toOf(bob.fingerprint, bob.address),
    ...over,
  });

interface EnvelopeMaking {
  readonly fields?: Labels;
  readonly signing?: Signing;
  readonly destination?: string;
  readonly key?: Uint8Array;
  readonly bodyDomain?: string;
  readonly plaintext?: Uint8Array;
  readonly keyDomain?: string;
  readonly keyId?: Uint8Array;
}

function envelopeSteps(
  headerHash: Uint8Array,
  making: EnvelopeMaking = {},
): Readonly<Record<'signed' | 'plaintext' | 'ciphertext' | 'sealedKey' | 'encoded' | 'payload', Uint8Array>> {
  const { signing = {}, destination = 'beta.test', keyId = beta.envelope.id } = making;
  const by = signing.key ?? alice.identity;
  const body = encode(envelopeOf(headerHash, making.fields));
  const purpose = signing.purpose ?? 'envelope';
  const signed = sign1(purpose, signing.boundTo ?? 'beta.test', signing.id ?? by.id, by.secret, body).encoded;
  const plaintext = making.plaintext ?? padded(signed, Math.ceil((signed.length + 2) / 2048) * 2048);
  const info = ctx('envelope body', making.bodyDomain ?? destination);
  const ciphertext = encryptBytes(making.key ?? envelopeKey, info, plaintext, () =>
    seeded('envelope salt')(24),
  );
  const keyInfo = ctx('envelope key', making.keyDomain ?? destination, keyId);
  const none = new Uint8Array(0);
  const sealedKey = hpkeSeal('xwing', beta.envelope.publicKey, keyInfo, none, envelopeKey, () =>
    seeded('envelope key seal')(64),
  );
  const encoded = encode(map([1, destination], [2, keyId], [3, sealedKey], [4, ciphertext]));
  return { payload: body, signed, plaintext, ciphertext, sealedKey, encoded };
}

function addEnvelopes(cases: Collection): void {
  const base = { spec: 'message.md section 5', operation: 'open envelope as domain' };
  const headerHash = seeded('header hash')(32);
  const inputs = (envelope: Uint8Array, over: Fields = {}): Fields => ({
    envelope,
    domain: 'beta.test',
    key: { secret: beta.envelope.secret, status: 'active', notBefore: now - day, notAfter: now + day },
    now,
    ...over,
  });
  const steps = envelopeSteps(headerHash);
  cases.positive('open-envelope-as-domain', {
    ...base,
    description: 'the encoded envelope, for the receiving domain',
    inputs: inputs(steps.encoded),
    intermediate: {
      signed: steps.signed,
      plaintext: steps.plaintext,
      keyInfo: ctx('envelope key', 'beta.test', beta.envelope.id),
    },
    output: steps.payload,
  });
  const key = (over: Fields): Fields => ({
    key: {
      secret: beta.envelope.secret,
      status: 'active',
      notBefore: now - day,
      notAfter: now + day,
      ...over,
    },
  });
  cases.positive('open-envelope-as-domain-with-a-retired-key', {
    ...base,
    description: 'a retired key still opens',
    inputs: inputs(steps.encoded, key({ status: 'retired' })),
    output: steps.payload,
  });
  const made = (making: EnvelopeMaking): Fields => inputs(envelopeSteps(headerHash, making).encoded);
  const corrupt = steps.plaintext.slice();
  corrupt[corrupt.length - 1] = 1;
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    ['message_mismatch', 'for another domain', inputs(steps.encoded, { domain: 'alpha.test' })],
    ['message_mismatch', 'with another destination inside', made({ fields: { 1: 'alpha.test' } })],
    ['key_unknown', 'naming another key', made({ keyId: flipped(beta.envelope.id) })],
    ['key_not_active', 'naming a revoked key', inputs(steps.encoded, key({ status: 'revoked' }))],
    ['key_not_active', 'naming a pending key', inputs(steps.encoded, key({ status: 'pending' }))],
    ['key_not_active', 'naming a key past its time', inputs(steps.encoded, key({ notAfter: now - 3601 }))],
    ['open_failed', 'with a key that was sealed for another domain', made({ keyDomain: 'alpha.test' })],
    ['commitment_mismatch', 'encrypted under another key', made({ key: flipped(envelopeKey) })],
    ['commitment_mismatch', 'encrypted for another domain', made({ bodyDomain: 'alpha.test' })],
    ['padding_invalid', 'with a byte in the padding', made({ plaintext: corrupt })],
    ['cbor_type', 'that holds no signed object', made({ plaintext: padded(encode(map()), 2048) })],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('open-envelope-as-domain', description), error, {
      ...base,
      description: `an envelope ${description}`,
      inputs: fields,
    });
}

interface MessageMaking {
  readonly header?: Labels;
  readonly envelope?: EnvelopeMaking;
  readonly headerHash?: Uint8Array;
}

const recordFingerprint = sha256(userRecordOf(bob));

const replyDrop = (over: Labels = {}): Node =>
  recordNode({
    2: x25519Public(seeded('reply drop')(32)),
    3: 1,
    4: sealingKey,
    5: now,
    6: now + 90 * day,
    ...over,
  });

function objectOf(making: MessageMaking = {}): Readonly<Record<'header' | 'object', Uint8Array>> {
  const header = encode(
    recordNode({
      1: contentKey,
      2: envelopeKey,
      3: bindingKey,
      4: acceptToken,
      7: recordFingerprint,
      8: signedLetter(),
      ...making.header,
    }),
  );
  const sealedHeader = sealHeader(paddedHeader(header));
  const { encoded } = envelopeSteps(making.headerHash ?? sha256(sealedHeader), making.envelope);
  return { header, object: encode(map([1, sealedHeader], [2, encoded])) };
}

function addMessages(cases: Collection): void {
  const base = { spec: 'message.md section 5', operation: 'receive message' };
  const own = {
    addresses: ['robert@beta.test', bob.address],
    identityFingerprint: bob.fingerprint,
    recordFingerprints: [recordFingerprint],
  };
  const inputs = (object: Uint8Array, over: Fields = {}): Fields => ({
    object,
    domain: 'beta.test',
    recipientHash,
    messageId,
    senderDomain: 'alpha.test',
    seeds: [sealingSeed],
    own,
    sender: person(alice),
    now,
    ...over,
  });
  const output = (over: Fields = {}): Fields => ({
    sender: alice.address,
    letterId: seeded('letter id')(16),
    contentKey,
    acceptToken,
    authorship: 'sender',
    adopted: false,
    part: false,
    ...over,
  });
  const forwarded = (audience?: string): Labels => ({
    8: sign1(
      'letter',
      'beta.test',
      bob.identity.id,
      bob.identity.secret,
      encode(letterOf({ 1: bob.address, 2: bob.fingerprint, 11: audience })),
    ).encoded,
  });
  const revokedOwn = (revokedAt: number): Fields => ({
    ...own,
    recordFingerprints: [],
    revokedRecords: [{ fingerprint: recordFingerprint, revokedAt }],
  });
  const made = (making: MessageMaking, over: Fields = {}): Fields => inputs(objectOf(making).object, over);
  const good: readonly (readonly [string, Fields, Fields])[] = [
    ['plain', made({}), output()],
    ['with a tag', made({ header: { 6: 'shop' } }), output({ tag: 'shop' })],
    ['that a cover lists', made({ header: { 9: 1 } }), output({ part: true })],
    [
      'that a cover lists, with flags of later versions',
      made({ header: { 9: 0xffff } }),
      output({ part: true }),
    ],
    ['with no flag', made({ header: { 9: 0 } }), output()],
    ['with a flag of a later version', made({ header: { 9: 2 } }), output()],
    ['with a reply drop', made({ header: { 5: replyDrop() } }), output({ adopted: true })],
    [
      'with a reply drop at another domain, not adopted',
      made({ header: { 5: replyDrop({ 1: 'gamma.test' }) } }),
      output(),
    ],
    [
      'with a reply drop that ended, not adopted',
      made({ header: { 5: replyDrop({ 6: now - 1 }) } }),
      output(),
    ],
    [
      'with a reply drop of an unknown suite, not adopted',
      made({ header: { 5: replyDrop({ 3: 9 }) } }),
      output(),
    ],
    [
      'forwarded',
      made({ header: forwarded() }, { author: person(bob) }),
      output({ authorship: 'forwarded' }),
    ],
    [
      'whose audience is its sender',
      made({ header: forwarded(alice.address) }, { author: person(bob) }),
      output({ authorship: 'audience' }),
    ],
    ['for a record that was revoked later', made({}, { own: revokedOwn(now + 1) }), output()],
    [
      'whose audience is somebody else',
      made({ header: forwarded('list@gamma.test') }, { author: person(bob) }),
      output({ authorship: 'forwarded' }),
    ],
  ];
  for (const [description, fields, result] of good)
    cases.positive(nameOf('receive-message', description), {
      ...base,
      description: `a message ${description}`,
      inputs: fields,
      output: result,
    });
  const fields = (over: Labels): Fields => made({ envelope: { fields: over } });
  const signed = (signing: Signing): Fields => made({ envelope: { signing } });
  const plain = objectOf().object;
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    ['open_failed', 'of another id', inputs(plain, { messageId: flipped(messageId) })],
    ['open_failed', 'for another drop', inputs(plain, { seeds: [seeded('other')(32)] })],
    [
      'message_mismatch',
      'whose envelope has another destination',
      made({ envelope: { destination: 'alpha.test', fields: { 1: 'alpha.test' } } }),
    ],
    ['message_mismatch', 'whose envelope has another destination inside', fields({ 1: 'alpha.test' })],
    ['message_mismatch', 'whose envelope has another recipient hash', fields({ 3: flipped(recipientHash) })],
    ['message_mismatch', 'whose envelope has another id', fields({ 4: flipped(messageId) })],
    [
      'message_mismatch',
      'whose sender is at another domain than the ref says',
      inputs(plain, { senderDomain: 'gamma.test' }),
    ],
    [
      'message_mismatch',
      'whose envelope belongs to another header',
      made({ headerHash: seeded('other header')(32) }),
    ],
    ['message_misdirected', 'for another address', fields({ 12: toOf(bob.fingerprint, 'carol@beta.test') })],
    ['message_misdirected', 'for another identity', fields({ 12: toOf(alice.fingerprint, bob.address) })],
    ['message_misdirected', 'under another binding key', made({ header: { 3: flipped(bindingKey) } })],
    [
      'message_misdirected',
      'for a record that is not an own one',
      made({ header: { 7: flipped(recordFingerprint) } }),
    ],
    [
      'message_misdirected',
      'for a record that was revoked when it was made',
      made({}, { own: revokedOwn(now) }),
    ],
    [
      'commitment_mismatch',
      'whose header holds another envelope key',
      made({ header: { 2: flipped(envelopeKey) } }),
    ],
    [
      'signature_invalid',
      'whose envelope was signed with another key',
      signed({ key: bob.identity, id: alice.identity.id }),
    ],
    ['signature_invalid', 'whose envelope was signed for another purpose', signed({ purpose: 'letter' })],
    [
      'signature_invalid',
      'whose envelope is bound to the domain of its sender',
      signed({ boundTo: 'alpha.test' }),
    ],
    ['key_unknown', 'whose envelope names another key', signed({ id: alice.sealing.id })],
    [
      'message_mismatch',
      'whose sender is another user than the record is of',
      fields({ 2: 'carol@alpha.test' }),
    ],
    [
      'fingerprint_mismatch',
      'whose letter names another identity',
      made({ header: { 8: signedLetter({ 2: bob.fingerprint }) } }),
    ],
    ['signature_invalid', 'whose letter was changed', made({ header: { 8: flipped(signedLetter()) } })],
    ['payload_mismatch', 'whose letter and envelope disagree on the size', fields({ 6: payload.length + 1 })],
    ['cbor_type', 'whose flags are true', made({ header: { 9: true } })],
    ['cbor_range', 'whose flags are above their range', made({ header: { 9: 65_536 } })],
    ['cbor_type', 'whose flags are below their range', made({ header: { 9: -1 } })],
    ['cbor_type', 'whose letter is no signed object', made({ header: { 8: encode(map()) } })],
    ['cbor_trailing', 'with a byte behind', inputs(joined(plain, Uint8Array.of(0)))],
    ['cbor_too_large', 'of more than its limit', inputs(joined(plain, new Uint8Array(80_000)))],
  ];
  for (const [error, description, each] of bad)
    cases.negative(nameOf('receive-message', description), error, {
      ...base,
      description: `a message ${description}`,
      inputs: each,
    });
}

// --- section 6 ---

function addCovers(cases: Collection): void {
  for (const [name, firstSeen, expires, output] of [
    ['a-day-after-it-was-seen', now, now + 14 * day, now + day],
    ['a-day-after-it-was-seen-of-two', now, now + 2 * day, now + day],
    ['halfway-to-its-end', now, now + 2 * day - 1, now + day - 1],
    ['half-an-hour-of-one', now, now + 3600, now + 1800],
    ['seen-at-its-end', now, now, now],
  ] as const)
    cases.positive(`part-by-itself-${name}`, {
      spec: 'message.md section 6',
      description: 'when a part whose cover did not come stands by itself',
      operation: 'part by itself',
      inputs: { firstSeen, expires },
      output,
    });
  const part = sampleNode('cover-part');
  const critical = map(...(part as ReturnType<typeof map>).pairs, [-1, 0]);
  cases.positive('cover-leaves-out-critical-parts', {
    spec: 'README.md section 4',
    description: 'the part with an unknown critical field is left out, the others stand',
    operation: 'decode leaving out',
    inputs: { structure: 'cover', encoded: encode(map([1, [critical, part]])) },
    output: encode(map([1, [part]])),
  });
}
