/** Cases of wire-spec/addressing.md section 5: contact cards. */
import { encryptBytes } from '../../src/crypto/chunked.ts';
import { xwingPublic } from '../../src/crypto/xwing.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { flipped, fromHex, now, type Collection, type Fields } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, type Node } from './encode.ts';
import { alice, bob, recordNode, type UserCast } from './people.ts';
import { seeded } from './random.ts';
import { base64url, ctx, padded, sha256, sign1, x25519Public } from './reference.ts';
import { addDecoding } from './structures.ts';

const day = 86_400;
const spec = 'addressing.md section 5';
const pollKey = x25519Public(seeded('card poll')(32));
const sealingKey = xwingPublic(seeded('card seal')(32));
const recordFingerprint = sha256(seeded('card record')(32));

type Over = Readonly<Record<number, Node | undefined>>;

const dropNode = (over: Over = {}): Node =>
  recordNode({ 2: pollKey, 3: 1, 4: sealingKey, 5: now, 6: now + 30 * day, ...over });

const cardNode = (over: Over = {}): Node =>
  recordNode({ 1: bob.address, 2: bob.fingerprint, 3: recordFingerprint, 4: dropNode(), 5: now, ...over });

interface Signing {
  readonly purpose?: string;
  readonly domain?: string;
  readonly by?: UserCast;
  readonly keyId?: Uint8Array;
  readonly header?: Node;
}

const cardOf = (over: Over = {}, { purpose, domain, by = bob, keyId, header }: Signing = {}): Uint8Array =>
  sign1(
    purpose ?? 'contact card',
    domain ?? bob.domain,
    keyId ?? by.identity.id,
    by.identity.secret,
    encode(cardNode(over)),
    header,
  ).encoded;

export function addCards(cases: Collection): void {
  addDecoding(cases, 'contact-card', spec);
  addSigning(cases);
  addReading(cases);
  addVerifying(cases);
  addSealing(cases);
  addOpening(cases);
  addTexts(cases);
}

function addSigning(cases: Collection): void {
  const drop = encode(dropNode());
  const payload = encode(cardNode());
  const signed = sign1('contact card', bob.domain, bob.identity.id, bob.identity.secret, payload);
  cases.positive('sign-card', {
    spec,
    description: 'a contact card of Bob’s for 30 days',
    operation: 'sign contact card',
    inputs: {
      address: bob.address,
      fingerprint: bob.fingerprint,
      recordFingerprint,
      drop,
      created: now,
      domain: bob.domain,
      seed: bob.identity.secret,
    },
    intermediate: { payload, toBeSigned: signed.toBeSigned, signature: signed.signature },
    output: signed.encoded,
  });
}

function addReading(cases: Collection): void {
  const base = { spec, operation: 'read contact card' };
  const read = (at: number, signed: Uint8Array): Fields => ({ card: signed, now: at });
  const good: readonly (readonly [string, Fields])[] = [
    ['on its first second', read(now, cardOf())],
    ['on its last second', read(now + 30 * day, cardOf())],
    ['without a record', read(now, cardOf({ 3: undefined }))],
    ['with the domain of its address', read(now, cardOf({ 4: dropNode({ 1: bob.domain }) }))],
    ['with an unknown field', read(now, cardOf({ 1000: 'later' }))],
  ];
  for (const [description, inputs] of good)
    cases.positive(nameOf('read-card', description), {
      ...base,
      description: `a card ${description}: what can be said before anybody is asked`,
      inputs,
      output: { address: bob.address, domain: bob.domain, fingerprint: bob.fingerprint, pollKey },
    });
  const highKey = fromHex('ff'.repeat(32));
  const bad: readonly (readonly [string, ErrorCode, Fields])[] = [
    ['past its time', 'drop_expired', read(now + 30 * day + 1, cardOf())],
    ['for more than 90 days', 'drop_expired', read(now, cardOf({ 4: dropNode({ 6: now + 90 * day + 1 }) }))],
    ['from the future', 'drop_expired', read(now, cardOf({ 5: now + 3601 }))],
    ['with a drop from the future', 'drop_expired', read(now, cardOf({ 4: dropNode({ 5: now + 3601 }) }))],
    [
      'with a drop at another domain',
      'message_mismatch',
      read(now, cardOf({ 4: dropNode({ 1: alice.domain }) })),
    ],
    [
      'of another address than its drop',
      'message_mismatch',
      read(now, cardOf({ 1: alice.address, 4: dropNode({ 1: bob.domain }) })),
    ],
    ['of an unknown suite', 'unsupported', read(now, cardOf({ 4: dropNode({ 3: 9 }) }))],
    [
      'with a poll key of small order',
      'key_invalid',
      read(now, cardOf({ 4: dropNode({ 2: new Uint8Array(32) }) })),
    ],
    [
      'with a poll key that is not canonical',
      'key_invalid',
      read(now, cardOf({ 4: dropNode({ 2: highKey }) })),
    ],
    [
      'with a sealing key of another length',
      'key_invalid',
      read(now, cardOf({ 4: dropNode({ 4: sealingKey.slice(1) }) })),
    ],
    ['with an unknown critical field', 'cbor_unknown_critical', read(now, cardOf({ [-1]: 1 }))],
    ['with an address that is not canonical', 'address_invalid', read(now, cardOf({ 1: 'Bob@beta.test' }))],
    [
      'under another algorithm',
      'algorithm_unsupported',
      read(now, cardOf({}, { header: map([1, -8], [4, bob.identity.id]) })),
    ],
    ['cut short', 'cbor_truncated', read(now, cardOf().slice(0, -1))],
    ['with a byte behind it', 'cbor_trailing', read(now, Uint8Array.of(...cardOf(), 0))],
    ['of more than 4096 bytes', 'cbor_too_large', read(now, cardOf({ 1000: new Uint8Array(4096) }))],
  ];
  for (const [description, error, inputs] of bad)
    cases.negative(nameOf('read-card', description), error, {
      ...base,
      description: `a card ${description}`,
      inputs,
    });
}

function addVerifying(cases: Collection): void {
  const base = { spec, operation: 'verify contact card' };
  const inputs = (signed: Uint8Array, over: Fields = {}): Fields => ({
    card: signed,
    identityKey: bob.identity.publicKey,
    dropsSince: 0,
    now,
    ...over,
  });
  const good: readonly (readonly [string, Fields])[] = [
    ['of the listed identity', inputs(cardOf())],
    ['made when drops were last withdrawn', inputs(cardOf(), { dropsSince: now })],
    ['with an unknown field', inputs(cardOf({ 1000: 'later' }))],
  ];
  for (const [description, fields] of good)
    cases.positive(nameOf('verify-card', description), {
      ...base,
      description: `a card ${description}`,
      inputs: fields,
      output: true,
    });
  const signed = cardOf();
  const bad: readonly (readonly [string, ErrorCode, Fields])[] = [
    [
      'where another identity is listed',
      'fingerprint_mismatch',
      inputs(signed, { identityKey: alice.identity.publicKey }),
    ],
    ['that names another identity', 'fingerprint_mismatch', inputs(cardOf({ 2: alice.fingerprint }))],
    ['by another key', 'key_unknown', inputs(cardOf({}, { by: alice }))],
    [
      'by another key that names the right one',
      'signature_invalid',
      inputs(cardOf({}, { by: alice, keyId: bob.identity.id })),
    ],
    ['signed for another purpose', 'signature_invalid', inputs(cardOf({}, { purpose: 'letter' }))],
    ['signed for another domain', 'signature_invalid', inputs(cardOf({}, { domain: alice.domain }))],
    ['with a changed signature', 'signature_invalid', inputs(flipped(signed))],
    ['that was withdrawn', 'drop_expired', inputs(signed, { dropsSince: now + 1 })],
  ];
  for (const [description, error, fields] of bad)
    cases.negative(nameOf('verify-card', description), error, {
      ...base,
      description: `a card ${description}`,
      inputs: fields,
    });
}

const id = seeded('card id')(16);
const key = seeded('card key')(32);
const salt = seeded('card salt')(24);
const place = { domain: bob.domain, id };

const sealedOf = (
  plaintext: Uint8Array,
  over: { key?: Uint8Array; domain?: string; id?: Uint8Array } = {},
): Uint8Array =>
  encryptBytes(
    over.key ?? key,
    ctx('contact card seal', over.domain ?? bob.domain, over.id ?? id),
    plaintext,
    () => salt,
  );

function addSealing(cases: Collection): void {
  const signed = cardOf();
  cases.positive('seal-card', {
    spec,
    description: 'a card as it lies at the domain; randomness is the salt of chunked encryption',
    operation: 'seal contact card',
    inputs: { ...place, key, card: signed, randomness: salt },
    intermediate: { context: ctx('contact card seal', bob.domain, id), plaintext: padded(signed, 4096) },
    output: sealedOf(padded(signed, 4096)),
  });
  cases.negative('seal-card-too-large', 'cbor_too_large', {
    spec,
    description: 'what does not fit into 4096 bytes with its length',
    operation: 'seal contact card',
    inputs: { ...place, key, card: new Uint8Array(4095), randomness: salt },
  });
}

function addOpening(cases: Collection): void {
  const base = { spec, operation: 'open contact card' };
  const signed = cardOf();
  const plaintext = padded(signed, 4096);
  const good = sealedOf(plaintext);
  const inputs = (sealed: Uint8Array, over: Fields = {}): Fields => ({ ...place, key, sealed, ...over });
  cases.positive('open-card', {
    ...base,
    description: 'a card as it was sealed',
    inputs: inputs(good),
    output: signed,
  });
  const long = plaintext.slice();
  long[0] = 0xff;
  const bad: readonly (readonly [string, ErrorCode, Fields])[] = [
    ['with another key', 'commitment_mismatch', inputs(good, { key: flipped(key) })],
    ['under another id', 'commitment_mismatch', inputs(good, { id: flipped(id) })],
    ['at another domain', 'commitment_mismatch', inputs(good, { domain: alice.domain })],
    ['with another salt', 'commitment_mismatch', inputs(flipped(good, 0))],
    ['with a changed byte', 'open_failed', inputs(flipped(good, 100))],
    ['with a changed tag', 'open_failed', inputs(flipped(good))],
    ['cut short', 'payload_truncated', inputs(good.slice(0, -1))],
    ['of another size', 'payload_truncated', inputs(sealedOf(padded(signed, 8192)))],
    ['with a length beyond it', 'padding_invalid', inputs(sealedOf(long))],
    ['with padding that is not zero', 'padding_invalid', inputs(sealedOf(flipped(plaintext)))],
  ];
  for (const [description, error, fields] of bad)
    cases.negative(nameOf('open-card', description), error, {
      ...base,
      description: `a sealed card ${description}`,
      inputs: fields,
    });
}

function addTexts(cases: Collection): void {
  const base = { spec, operation: 'parse contact card' };
  const signed = cardOf();
  const path = '/.well-known/beckon/cards/';
  const link = `https://beckon.${bob.domain}${path}${base64url(id)}#${base64url(key)}`;
  const linked = { domain: bob.domain, id, key };
  const good: readonly (readonly [string, string, Fields])[] = [
    ['a link', link, { link: linked }],
    ['a link with spaces around it', ` ${link}\n`, { link: linked }],
    ['a whole card', `beckon-card:${base64url(signed)}`, { signed }],
  ];
  for (const [description, text, output] of good)
    cases.positive(nameOf('parse-card', description), { ...base, description, inputs: { text }, output });
  const bad: Readonly<Record<string, string>> = {
    'an address': bob.address,
    'a link without its key': link.slice(0, link.indexOf('#')),
    'a link whose key is cut off': link.slice(0, -1),
    'a link with more behind its key': `${link}A`,
    'a link whose id is cut off': link
      .replace('#', '')
      .replace(base64url(id), `${base64url(id).slice(0, -1)}#`),
    'a link with a query': link.replace('#', '?a=b#'),
    'a link over http': link.replace('https', 'http'),
    'a link with a port': link.replace('.test/', '.test:8443/'),
    'a link with a name in front': link.replace('https://', 'https://bob@'),
    'a link to another path': link.replace('cards', 'm'),
    'a link to another host': link.replace('beckon.', 'www.'),
    'a link whose domain is not canonical': link.replace('beta', 'Beta'),
    'an id that is not written as base64url is': link.replace(base64url(id), 'AAAAAAAAAAAAAAAAAAAAAB'),
    'a card that is not base64url': `beckon-card:${base64url(signed)}=`,
    'a card of too many characters': `beckon-card:${'A'.repeat(8192)}`,
    nothing: '',
  };
  for (const [description, text] of Object.entries(bad))
    cases.negative(nameOf('parse-card', description), 'request_invalid', {
      ...base,
      description,
      inputs: { text },
    });
}
