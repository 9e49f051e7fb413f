/** Cases of wire-spec/notification.md: refs, datagrams, and how they are received. */
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { collection, flipped, joined, now, type Case, type Collection, type Fields } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, raw, type Node } from './encode.ts';
import { alpha, beta, domainRecordOf, entryOf, keyFor, mandateOf, recordNode, type Key } from './people.ts';
import { seeded } from './random.ts';
import { ctx, padded, sign1 } from './reference.ts';
import { addDecoding } from './structures.ts';

const day = 86_400;
const overhead = 9 + 32 + 16;

export function notification(): readonly Case[] {
  const cases = collection();
  addDecoding(cases, 'notification', 'notification.md section 2');
  addDecoding(cases, 'ref-labels', 'notification.md section 3');
  addRefs(cases);
  addSizeClasses(cases);
  addFrames(cases);
  addSealed(cases);
  addOpened(cases);
  addVerified(cases);
  return cases.cases;
}

const refOf = (label: string, labels?: Node): readonly Node[] => [
  seeded(`${label} recipient hash`)(32),
  seeded(`${label} message id`)(32),
  now + 14 * day,
  17,
  ...(labels === undefined ? [] : [labels]),
];

function addRefs(cases: Collection): void {
  const base = { spec: 'notification.md section 3', operation: 'decode' };
  const inputs = (node: Node): Fields => ({ structure: 'ref', encoded: encode(node) });
  const [recipientHash, messageId] = refOf('ref') as readonly [Uint8Array, Uint8Array];
  const output: Fields = { recipientHash, messageId, expires: now + 14 * day, sizeClass: 17 };
  const introduction = seeded('introduction')(178);
  const good: readonly (readonly [string, Node, Fields])[] = [
    ['plain', refOf('ref'), output],
    ['with an introduction', refOf('ref', map([1, introduction])), { ...output, labels: { introduction } }],
    ['with a retraction', refOf('ref', map([2, true])), { ...output, labels: { retraction: true } }],
    ['with empty labels', refOf('ref', map()), { ...output, labels: {} }],
    [
      'with an unknown label',
      refOf('ref', map([2, false], [7, 'offer'])),
      { ...output, labels: { retraction: false, unknown: { 7: encode('offer') } } },
    ],
  ];
  for (const [description, node, value] of good)
    cases.positive(nameOf('decode-ref', description), {
      ...base,
      description,
      inputs: inputs(node),
      output: value,
    });
  const replaced = (at: number, item: Node): Node => refOf('ref').map((each, i) => (i === at ? item : each));
  const bad: readonly (readonly [ErrorCode, string, Node])[] = [
    ['cbor_type', 'a map', map()],
    ['cbor_range', 'three items', refOf('ref').slice(0, 3)],
    ['cbor_too_large', 'six items', [...refOf('ref'), map(), 0]],
    ['cbor_range', 'a recipient hash of 31 bytes', replaced(0, recipientHash.slice(1))],
    ['cbor_too_large', 'a recipient hash of 33 bytes', replaced(0, new Uint8Array(33))],
    ['cbor_type', 'a recipient hash that is text', replaced(0, 'a')],
    ['cbor_range', 'a message id of 31 bytes', replaced(1, messageId.slice(1))],
    ['cbor_too_large', 'a message id of 33 bytes', replaced(1, new Uint8Array(33))],
    ['cbor_range', 'an expiry of 2^40', replaced(2, 2 ** 40)],
    ['cbor_type', 'a negative expiry', replaced(2, -1)],
    ['cbor_float', 'an expiry that is a float', replaced(2, raw('fb41dad27480000000'))],
    ['cbor_range', 'a size class of 64', replaced(3, 64)],
    ['cbor_type', 'labels that are an array', refOf('ref', [])],
    ['cbor_simple', 'labels that are null', refOf('ref', raw('f6'))],
    ['cbor_unknown_critical', 'an unknown critical label', refOf('ref', map([-1, 0]))],
  ];
  for (const [error, description, node] of bad)
    cases.negative(nameOf('decode-ref', description), error, { ...base, description, inputs: inputs(node) });

  const critical = refOf('critical', map([-1, 0]));
  const refs = [refOf('first'), critical, refOf('second')];
  const content = (list: readonly Node[]): Node => map([1, 'alpha.test'], [2, now], [3, now], [4, list]);
  cases.positive('notification-leaves-out-critical-refs', {
    spec: 'README.md section 4',
    description: 'the ref with an unknown critical label is left out, the others stand',
    operation: 'decode leaving out',
    inputs: { structure: 'notification', encoded: encode(content(refs)) },
    output: encode(content([refOf('first'), refOf('second')])),
  });
}

function addSizeClasses(cases: Collection): void {
  const sizes = [0, 1, 2, 3, 4, 5, 4096, 4097, 2 ** 31, 2 ** 31 + 1, 2 ** 50 - 1, 2 ** 50, 2 ** 50 + 1];
  sizes.forEach((size) => {
    let output = 0;
    while (1n << BigInt(output) < BigInt(size)) output++;
    cases.positive(`size-class-${size}`, {
      spec: 'notification.md section 3',
      description: 'the smallest c with size <= 2^c',
      operation: 'size class',
      inputs: { size },
      output,
    });
  });
}

function addFrames(cases: Collection): void {
  const base = { spec: 'notification.md section 2', operation: 'split datagram' };
  const frame = (size: number, first = 0x11): Uint8Array => {
    const datagram = seeded(`datagram ${size}`)(size);
    if (size > 0) datagram[0] = first;
    return datagram;
  };
  for (const size of [512, 1200]) {
    const datagram = frame(size);
    cases.positive(`datagram-${size}`, {
      ...base,
      description: `a datagram of ${size} bytes`,
      inputs: { datagram },
      output: { keyId: datagram.slice(1, 9), header: datagram.slice(0, 9), sealed: datagram.slice(9) },
    });
  }
  for (const size of [0, 1, 511, 513, 1199, 1201])
    cases.negative(`datagram-${size}`, 'datagram_size', {
      ...base,
      description: `${size} bytes`,
      inputs: { datagram: frame(size) },
    });
  for (const [description, first] of [
    ['type 2, which needs an agreement', 0x12],
    ['type 0', 0x10],
    ['version 0', 0x01],
    ['version 2', 0x21],
  ] as const)
    cases.negative(nameOf('datagram', description), 'datagram_version', {
      ...base,
      description,
      inputs: { datagram: frame(512, first) },
    });
}

interface Making {
  readonly content?: Node;
  readonly size?: 512 | 1200;
  readonly purpose?: string;
  readonly boundTo?: string;
  readonly key?: Key;
  readonly id?: Uint8Array;
  readonly plaintext?: Uint8Array;
  readonly signed?: Uint8Array;
  readonly sealedFor?: string;
}

const contentOf = (over: Readonly<Record<number, Node>> = {}): Node =>
  recordNode({ 1: 'alpha.test', 2: now - 3600, 3: now, 4: [refOf('datagram')], ...over });

const header = joined(Uint8Array.of(0x11), beta.notification.id);
const randomness = seeded('notification seal')(32);

/** A datagram from alpha.test to beta.test, step by step. */
function datagramOf(
  making: Making = {},
): Readonly<Record<'payload' | 'signed' | 'plaintext' | 'info' | 'datagram', Uint8Array>> {
  const { size = 512, purpose = 'notification', boundTo = 'beta.test', key = alpha.signing } = making;
  const payload = encode(making.content ?? contentOf());
  const signed = making.signed ?? sign1(purpose, boundTo, making.id ?? key.id, key.secret, payload).encoded;
  const plaintext = making.plaintext ?? padded(signed, size - overhead);
  const info = ctx('notification seal', making.sealedFor ?? 'beta.test');
  const sealed = hpkeSeal('x25519', beta.notification.publicKey, info, header, plaintext, () => randomness);
  return { payload, signed, plaintext, info, datagram: joined(header, sealed) };
}

function addSealed(cases: Collection): void {
  const counts: readonly (readonly [number, 512 | 1200])[] = [
    [1, 512],
    [4, 512],
    [5, 1200],
    [13, 1200],
  ];
  const base = { spec: 'notification.md section 2', operation: 'seal notification' };
  const inputs = (payload: Uint8Array): Fields => ({
    notification: payload,
    seed: alpha.signing.secret,
    signingKeyId: alpha.signing.id,
    receiver: 'beta.test',
    receiverKey: beta.notification.publicKey,
    receiverKeyId: beta.notification.id,
    randomness,
  });
  const add = (name: string, description: string, content: Node, size: 512 | 1200): void => {
    const { payload, signed, plaintext, info, datagram } = datagramOf({ content, size });
    cases.positive(name, {
      ...base,
      description: `${description}; randomness is the ephemeral scalar`,
      inputs: inputs(payload),
      intermediate: { signed, plaintext, info, aad: header },
      output: datagram,
    });
  };
  for (const [count, size] of counts) {
    const refs = Array.from({ length: count }, (_, i) => refOf(`ref ${i}`));
    add(`seal-notification-${count}-refs`, `${count} refs in ${size} bytes`, contentOf({ 4: refs }), size);
  }
  const introduced = [1, 2, 3].map((i) =>
    refOf(`introduction ${i}`, map([1, seeded(`introduction ${i}`)(178)])),
  );
  add(
    'seal-notification-3-introductions',
    '3 refs with introductions in 1200 bytes',
    contentOf({ 4: introduced }),
    1200,
  );
}

function addOpened(cases: Collection): void {
  const base = { spec: 'notification.md section 4', operation: 'open notification' };
  const inputs = (datagram: Uint8Array, over: Fields = {}): Fields => ({
    datagram,
    secret: beta.notification.secret,
    receiver: 'beta.test',
    ...over,
  });
  const { datagram, payload, signed, plaintext } = datagramOf();
  cases.positive('open-notification', {
    ...base,
    description: 'it opens: the encoded notification',
    inputs: inputs(datagram),
    output: payload,
  });
  const corrupt = plaintext.slice();
  corrupt[corrupt.length - 1] = 1;
  const long = plaintext.slice();
  long.set([0xff, 0xff]);
  const made = (making: Making): Fields => inputs(datagramOf(making).datagram);
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    ['open_failed', 'another key id in the header', inputs(flipped(datagram, 8))],
    ['open_failed', 'a changed enc', inputs(flipped(datagram, 9))],
    ['open_failed', 'a changed ciphertext', inputs(flipped(datagram, 60))],
    ['open_failed', 'a changed tag', inputs(flipped(datagram))],
    ['open_failed', 'sealed for another domain', made({ sealedFor: 'gamma.test' })],
    ['open_failed', 'another key', inputs(datagram, { secret: alpha.notification.secret })],
    ['padding_invalid', 'a byte in the padding', made({ plaintext: corrupt })],
    ['padding_invalid', 'a length beyond the end', made({ plaintext: long })],
    ['cbor_truncated', 'nothing inside', made({ signed: new Uint8Array(0) })],
    ['cbor_trailing', 'a byte behind the signed object', made({ signed: joined(signed, Uint8Array.of(0)) })],
    ['cbor_type', 'a payload that is no map', made({ content: [1] })],
    ['cbor_range', 'no refs', made({ content: contentOf({ 4: [] }) })],
    ['cbor_too_large', 'a claim of 14 refs', made({ content: contentOf({ 4: raw('8e') }) })],
    [
      'cbor_missing_field',
      'no time',
      made({ content: map([1, 'alpha.test'], [2, now], [4, [refOf('datagram')]]) }),
    ],
    [
      'cbor_unknown_critical',
      'a critical field',
      made({ content: map(...(contentOf() as ReturnType<typeof map>).pairs, [-1, 0]) }),
    ],
    ['domain_invalid', 'a sender that is not canonical', made({ content: contentOf({ 1: 'Alpha.test' }) })],
    [
      'algorithm_unsupported',
      'another algorithm',
      made({
        signed: sign1(
          'notification',
          'beta.test',
          alpha.signing.id,
          alpha.signing.secret,
          payload,
          map([1, -8], [4, alpha.signing.id]),
        ).encoded,
      }),
    ],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('open-notification', description), error, { ...base, description, inputs: fields });
}

function addVerified(cases: Collection): void {
  const base = { spec: 'notification.md section 4', operation: 'verify notification' };
  const record = domainRecordOf(alpha, { 4: [] });
  const second = keyFor('alpha.test', 'domainSigning', 'second');
  // The signing key of notifications in another state than active; the record itself is signed with the second key.
  const stateOf = (over: Readonly<Record<number, Node>>, revoked: readonly Node[] = []): Uint8Array =>
    domainRecordOf(
      alpha,
      { 3: mandateOf(alpha, { 4: [entryOf(alpha.signing, over), entryOf(second)], 5: revoked }), 4: [] },
      { key: second },
    );
  const inputs = (datagram: Uint8Array, over: Fields = {}): Fields => ({
    datagram,
    secret: beta.notification.secret,
    receiver: 'beta.test',
    record,
    fingerprints: [alpha.fingerprint],
    domain: 'alpha.test',
    now,
    ...over,
  });
  const { datagram } = datagramOf();
  const at = (time: number): Uint8Array => datagramOf({ content: contentOf({ 3: time }) }).datagram;
  const good: readonly (readonly [string, Fields])[] = [
    ['plain', inputs(datagram)],
    ['a day old', inputs(at(now - day))],
    ['a day ahead', inputs(at(now + day))],
    ['signed with a retired key', inputs(datagram, { record: stateOf({ 5: 2 }) })],
    [
      'signed with a retired key an hour after its time',
      inputs(datagram, { record: stateOf({ 5: 2, 7: now - 3600 }) }),
    ],
    ['signed with a key revoked later', inputs(datagram, { record: stateOf({ 5: 3, 8: now + 1 }) })],
  ];
  for (const [description, fields] of good)
    cases.positive(nameOf('verify-notification', description), {
      ...base,
      description,
      inputs: fields,
      output: true,
    });
  const other = datagramOf({ content: contentOf({ 1: 'beta.test' }) }).datagram;
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    ['record_mismatch', 'another sender than the record is of', inputs(other)],
    ['key_unknown', 'signed with a key that is not mandated', inputs(datagramOf({ key: second }).datagram)],
    ['key_not_active', 'signed with a pending key', inputs(datagram, { record: stateOf({ 5: 0 }) })],
    [
      'key_not_active',
      'signed with a key revoked at that time',
      inputs(datagram, { record: stateOf({ 5: 3, 8: now }) }),
    ],
    [
      'key_not_active',
      'signed with a key revoked without a time',
      inputs(datagram, { record: stateOf({ 5: 3 }) }),
    ],
    [
      'key_not_active',
      'signed with a key of the list of revoked ones',
      inputs(datagram, { record: stateOf({}, [alpha.signing.id]) }),
    ],
    [
      'key_not_active',
      'signed with a key past its time',
      inputs(datagram, { record: stateOf({ 7: now - 3601 }) }),
    ],
    [
      'signature_invalid',
      'signed with another key',
      inputs(datagramOf({ key: second, id: alpha.signing.id }).datagram),
    ],
    [
      'signature_invalid',
      'signed for another purpose',
      inputs(datagramOf({ purpose: 'domain record' }).datagram),
    ],
    [
      'signature_invalid',
      'bound to another receiver',
      inputs(datagramOf({ boundTo: 'gamma.test' }).datagram),
    ],
    ['signature_invalid', 'bound to its sender', inputs(datagramOf({ boundTo: 'alpha.test' }).datagram)],
    ['datagram_stale', 'more than a day old', inputs(at(now - day - 1))],
    ['datagram_stale', 'more than a day ahead', inputs(at(now + day + 1))],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('verify-notification', description), error, {
      ...base,
      description,
      inputs: fields,
    });
}
