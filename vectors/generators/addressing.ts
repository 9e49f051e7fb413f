/** Cases of wire-spec/addressing.md: recipient hashes, poll proofs, introductions, drops handed over. */
import { xwingPublic } from '../../src/crypto/xwing.ts';
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import type { ErrorCode } from '../../src/errors.ts';
import {
  collection,
  flipped,
  fromHex,
  joined,
  now,
  utf8,
  type Case,
  type Collection,
  type Fields,
} from './cases.ts';
import { addCards } from './cards.ts';
import { nameOf } from './conventions.ts';
import { encode, type Node } from './encode.ts';
import { alice, beta, bob, recordNode } from './people.ts';
import { seeded } from './random.ts';
import { ctx, hkdf, hmac, x25519, x25519Public } from './reference.ts';
import { addDecoding } from './structures.ts';

const day = 86_400;

export function addressing(): readonly Case[] {
  const cases = collection();
  addDecoding(cases, 'drop', 'addressing.md section 1');
  addRecipientHash(cases);
  addPollProofs(cases);
  addChecksOfProofs(cases);
  addPreferenceProofs(cases);
  addPullProofs(cases);
  addIntroductionDrops(cases);
  addIntroductions(cases);
  addIntroducers(cases);
  addBuckets(cases);
  addDerivedDrops(cases);
  addHandedOver(cases);
  addCards(cases);
  return cases.cases;
}

export const recipientHash = (pollKey: Uint8Array, domain: string): Uint8Array =>
  hkdf(pollKey, ctx('recipient-address', domain));

function addRecipientHash(cases: Collection): void {
  const pollKey = x25519Public(seeded('recipient hash')(32));
  for (const domain of ['beta.test', 'xn--bcher-kva.example'])
    cases.positive(nameOf('recipient-hash', domain), {
      spec: 'addressing.md section 1',
      description: `the recipient hash of a drop at ${domain}`,
      operation: 'recipient hash',
      inputs: { pollKey, domain },
      intermediate: { info: ctx('recipient-address', domain) },
      output: recipientHash(pollKey, domain),
    });
}

// --- section 2 ---

const nonce = seeded('poll nonce')(16);
const occasion = { domain: 'beta.test', keyId: beta.poll.id, time: now, nonce };

/** The unproven entry: labels of poll-entry without 2. */
const unproven = (pollKey: Uint8Array, over: Readonly<Record<number, Node>> = {}): Node =>
  recordNode({ 1: pollKey, ...over });

function proofOf(
  shared: Uint8Array,
  pollKey: Uint8Array,
  entry: Uint8Array,
  purpose = 'poll request',
): { K: Uint8Array; proof: Uint8Array } {
  const K = hkdf(shared, ctx('poll', occasion.domain, pollKey, occasion.keyId));
  return { K, proof: hmac(K, ctx(purpose, occasion.time, nonce, entry)).slice(0, 16) };
}

const doneIds = [seeded('done 1')(32), seeded('done 2')(32)];
const cursor = seeded('cursor')(12);
const extras: Readonly<Record<number, Node>> = { 3: doneIds.map((id) => [id, 0]), 4: cursor };

function addPollProofs(cases: Collection): void {
  const spec = 'addressing.md section 2';
  const scalar = seeded('poll scalar')(32);
  const pollKey = x25519Public(scalar);
  const { shared: s, pollKey: introKey } = introduction();
  const owners: readonly (readonly [string, Uint8Array, Uint8Array, Fields])[] = [
    ['handed over', pollKey, x25519(scalar, beta.poll.publicKey), { scalar }],
    [
      'introduction',
      introKey,
      x25519(bob.addressing.secret, x25519(s, beta.poll.publicKey)),
      { addressing: bob.addressing.secret, shared: s },
    ],
  ];
  for (const [kind, key, shared, secrets] of owners) {
    for (const [name, over, inputs] of [
      ['', {}, {}],
      [' with done and after', extras, { done: doneIds, after: cursor }],
    ] as const) {
      const entry = encode(unproven(key, over));
      const { K, proof } = proofOf(shared, key, entry);
      cases.positive(nameOf('poll-proof', kind, name), {
        spec,
        description: `the poll-entry with its proof: ${kind}${name}`,
        operation: 'poll proof',
        inputs: { ...occasion, domainKey: beta.poll.publicKey, pollKey: key, ...secrets, ...inputs },
        intermediate: { shared, K, entry, message: ctx('poll request', now, nonce, entry), proof },
        output: encode(unproven(key, { 2: proof, ...over })),
      });
    }
  }
}

function addChecksOfProofs(cases: Collection): void {
  const spec = 'addressing.md section 2';
  const scalar = seeded('poll scalar')(32);
  const pollKey = x25519Public(scalar);
  const { proof } = proofOf(x25519(scalar, beta.poll.publicKey), pollKey, encode(unproven(pollKey, extras)));
  const entry = (over: Readonly<Record<number, Node>> = {}): Uint8Array =>
    encode(unproven(pollKey, { ...extras, 2: proof, ...over }));
  const inputs = { ...occasion, secret: beta.poll.secret, entry: entry() };
  const later = unproven(pollKey, { ...extras, 100: 'later' });
  const laterProof = proofOf(x25519(scalar, beta.poll.publicKey), pollKey, encode(later)).proof;
  const [zeroKey, highKey] = [new Uint8Array(32), pollKey.slice()];
  highKey[31] = (highKey[31] ?? 0) | 0x80;
  const forged = (shared: Uint8Array, key: Uint8Array): Node =>
    unproven(key, { ...extras, 2: proofOf(shared, key, encode(unproven(key, extras))).proof });
  const zeroEntry = forged(new Uint8Array(32), zeroKey);
  const highEntry = forged(x25519(scalar, beta.poll.publicKey), highKey);
  const answers: readonly (readonly [string, boolean, Fields])[] = [
    ['good', true, inputs],
    [
      'good with an unknown field, which it covers',
      true,
      { ...inputs, entry: encode(unproven(pollKey, { ...extras, 2: laterProof, 100: 'later' })) },
    ],
    ['an unknown field that it does not cover', false, { ...inputs, entry: entry({ 100: 'later' }) }],
    ['changed', false, { ...inputs, entry: entry({ 2: flipped(proof) }) }],
    ['another time', false, { ...inputs, time: now + 1 }],
    ['another nonce', false, { ...inputs, nonce: flipped(nonce) }],
    ['another domain', false, { ...inputs, domain: 'alpha.test' }],
    ['another key id', false, { ...inputs, keyId: flipped(beta.poll.id) }],
    ['another domain key', false, { ...inputs, secret: seeded('another poll key')(32) }],
    ['another poll key', false, { ...inputs, entry: entry({ 1: x25519Public(seeded('other')(32)) }) }],
    ['other refs done', false, { ...inputs, entry: entry({ 3: [[flipped(doneIds[0] ?? nonce), 0]] }) }],
    ['another cursor', false, { ...inputs, entry: entry({ 4: flipped(cursor) }) }],
    ['a poll key of small order with the proof of zeros', false, { ...inputs, entry: encode(zeroEntry) }],
    ['a poll key with its highest bit set', false, { ...inputs, entry: encode(highEntry) }],
    ['a poll key of small order', false, { ...inputs, entry: entry({ 1: new Uint8Array(32) }) }],
    ['a poll key that is not canonical', false, { ...inputs, entry: entry({ 1: fromHex('ff'.repeat(32)) }) }],
  ];
  for (const [description, output, fields] of answers)
    cases.positive(nameOf('check-poll-proof', description), {
      spec,
      description: `${description}; a bad proof has no error: it answers like an empty drop`,
      operation: 'check poll proof',
      inputs: fields,
      output,
    });
  for (const off of [-3600, 0, 3600])
    cases.positive(nameOf('check-poll-time', off === 0 ? 'now' : off < 0 ? 'an hour ago' : 'an hour ahead'), {
      spec,
      description: `a request made ${off} seconds from now`,
      operation: 'check poll time',
      inputs: { time: now + off, now },
      output: true,
    });
  for (const off of [-3601, 3601])
    cases.negative(
      nameOf('check-poll-time', off < 0 ? 'more than an hour ago' : 'more than an hour ahead'),
      'proof_stale',
      {
        spec,
        description: `a request made ${off} seconds from now`,
        operation: 'check poll time',
        inputs: { time: now + off, now },
      },
    );
}

/** fetch.md section 9: ignore until an hour from now, decided now. */
const wished: Readonly<Record<number, Node>> = { 3: now, 4: 1, 5: now + 3600 };

function addPreferenceProofs(cases: Collection): void {
  const spec = 'addressing.md section 2';
  const purpose = 'preference request';
  const scalar = seeded('poll scalar')(32);
  const pollKey = x25519Public(scalar);
  const { shared: s, pollKey: introKey } = introduction();
  const inputs = { counter: now, preference: 1, until: now + 3600 };
  const owners: readonly (readonly [string, Uint8Array, Uint8Array, Fields])[] = [
    ['handed over', pollKey, x25519(scalar, beta.poll.publicKey), { scalar }],
    [
      'introduction',
      introKey,
      x25519(bob.addressing.secret, x25519(s, beta.poll.publicKey)),
      { addressing: bob.addressing.secret, shared: s },
    ],
  ];
  for (const [kind, key, shared, secrets] of owners) {
    const entry = encode(unproven(key, wished));
    const { K, proof } = proofOf(shared, key, entry, purpose);
    cases.positive(nameOf('preference-proof', kind), {
      spec,
      description: `the preference-entry with its proof: ${kind}`,
      operation: 'preference proof',
      inputs: { ...occasion, domainKey: beta.poll.publicKey, pollKey: key, ...secrets, ...inputs },
      intermediate: { shared, K, entry, message: ctx(purpose, now, nonce, entry), proof },
      output: encode(unproven(key, { 2: proof, ...wished })),
    });
  }
  addChecksOfPreferences(cases, scalar, pollKey);
}

function addChecksOfPreferences(cases: Collection, scalar: Uint8Array, pollKey: Uint8Array): void {
  const shared = x25519(scalar, beta.poll.publicKey);
  const under = (purpose: string): Uint8Array =>
    proofOf(shared, pollKey, encode(unproven(pollKey, wished)), purpose).proof;
  const proof = under('preference request');
  const entry = (over: Readonly<Record<number, Node>> = {}): Uint8Array =>
    encode(unproven(pollKey, { ...wished, 2: proof, ...over }));
  const inputs = { ...occasion, secret: beta.poll.secret, entry: entry() };
  const zeroKey = new Uint8Array(32);
  const zeroProof = proofOf(
    new Uint8Array(32),
    zeroKey,
    encode(unproven(zeroKey, wished)),
    'preference request',
  ).proof;
  const answers: readonly (readonly [string, boolean, Fields])[] = [
    ['good', true, inputs],
    ['changed', false, { ...inputs, entry: entry({ 2: flipped(proof) }) }],
    ['made for a poll', false, { ...inputs, entry: entry({ 2: under('poll request') }) }],
    ['another counter', false, { ...inputs, entry: entry({ 3: now + 1 }) }],
    ['another preference', false, { ...inputs, entry: entry({ 4: 0 }) }],
    ['another end', false, { ...inputs, entry: entry({ 5: now + 3601 }) }],
    ['an unknown field that it does not cover', false, { ...inputs, entry: entry({ 100: 'later' }) }],
    ['another time', false, { ...inputs, time: now + 1 }],
    ['another nonce', false, { ...inputs, nonce: flipped(nonce) }],
    ['another domain', false, { ...inputs, domain: 'alpha.test' }],
    ['another key id', false, { ...inputs, keyId: flipped(beta.poll.id) }],
    ['another domain key', false, { ...inputs, secret: seeded('another poll key')(32) }],
    ['another poll key', false, { ...inputs, entry: entry({ 1: x25519Public(seeded('other')(32)) }) }],
    [
      'a poll key of small order with the proof of zeros',
      false,
      { ...inputs, entry: encode(unproven(zeroKey, { ...wished, 2: zeroProof })) },
    ],
  ];
  for (const [description, output, fields] of answers)
    cases.positive(nameOf('check-preference-proof', description), {
      spec: 'addressing.md section 2',
      description: `${description}; a bad proof has no error: it changes nothing, and is answered alike`,
      operation: 'check preference proof',
      inputs: fields,
      output,
    });
}

const messageOfRef = seeded('pulled message')(32);
/** account.md section 12: all refs for a drop until an hour from now, and one message at once; fetch.md section 12. */
const asked: Readonly<
  Record<string, { operation: string; fields: Readonly<Record<number, Node>>; inputs: Fields }>
> = {
  'all refs': {
    operation: 'pull',
    fields: { 3: bob.addressHash, 4: now + 3600 },
    inputs: { user: bob.addressHash, until: now + 3600 },
  },
  'one message': {
    operation: 'pull',
    fields: { 3: bob.addressHash, 5: ['alpha.test', messageOfRef] },
    inputs: { user: bob.addressHash, sender: 'alpha.test', id: messageOfRef },
  },
  'a message that was pulled': {
    operation: 'blind',
    fields: { 3: 'alpha.test', 4: messageOfRef },
    inputs: { sender: 'alpha.test', id: messageOfRef },
  },
};

function addPullProofs(cases: Collection): void {
  const scalar = seeded('poll scalar')(32);
  const pollKey = x25519Public(scalar);
  const { shared: s, pollKey: introKey } = introduction();
  const owners: readonly (readonly [string, Uint8Array, Uint8Array, Fields])[] = [
    ['handed over', pollKey, x25519(scalar, beta.poll.publicKey), { scalar }],
    [
      'introduction',
      introKey,
      x25519(bob.addressing.secret, x25519(s, beta.poll.publicKey)),
      { addressing: bob.addressing.secret, shared: s },
    ],
  ];
  for (const [what, { operation, fields, inputs }] of Object.entries(asked)) {
    const purpose = `${operation} request`;
    for (const [kind, key, shared, secrets] of owners) {
      const entry = encode(unproven(key, fields));
      const { K, proof } = proofOf(shared, key, entry, purpose);
      cases.positive(nameOf(`${operation}-proof`, `${what} ${kind}`), {
        spec: 'addressing.md section 2',
        description: `the ${operation}-entry with its proof: ${what}, ${kind}`,
        operation: `${operation} proof`,
        inputs: { ...occasion, domainKey: beta.poll.publicKey, pollKey: key, ...secrets, ...inputs },
        intermediate: { shared, K, entry, message: ctx(purpose, now, nonce, entry), proof },
        output: encode(unproven(key, { 2: proof, ...fields })),
      });
    }
    addChecksOfPulls(cases, what, scalar, pollKey);
  }
}

/** What a proof does not cover, or covers otherwise: other values of the entry's own fields. */
const otherFields: Readonly<Record<string, readonly (readonly [string, Readonly<Record<number, Node>>])[]>> =
  {
    'all refs': [
      ['another user', { 3: alice.addressHash }],
      ['another end', { 4: now + 3601 }],
      ['a message beside', { 5: ['alpha.test', messageOfRef] }],
    ],
    'one message': [
      ['another user', { 3: alice.addressHash }],
      ['another sender', { 5: ['gamma.test', messageOfRef] }],
      ['another message', { 5: ['alpha.test', flipped(messageOfRef)] }],
    ],
    'a message that was pulled': [
      ['another sender', { 3: 'gamma.test' }],
      ['another message', { 4: flipped(messageOfRef) }],
    ],
  };

function addChecksOfPulls(cases: Collection, what: string, scalar: Uint8Array, pollKey: Uint8Array): void {
  const { operation, fields } = asked[what] as (typeof asked)[string];
  const shared = x25519(scalar, beta.poll.publicKey);
  const under = (purpose: string): Uint8Array =>
    proofOf(shared, pollKey, encode(unproven(pollKey, fields)), purpose).proof;
  const proof = under(`${operation} request`);
  const entry = (over: Readonly<Record<number, Node>> = {}): Uint8Array =>
    encode(unproven(pollKey, { ...fields, 2: proof, ...over }));
  const inputs = { ...occasion, secret: beta.poll.secret, entry: entry() };
  const zeroKey = new Uint8Array(32);
  const zeroEntry = encode(unproven(zeroKey, fields));
  const zeroProof = proofOf(new Uint8Array(32), zeroKey, zeroEntry, `${operation} request`).proof;
  const answers: readonly (readonly [string, boolean, Fields])[] = [
    ['good', true, inputs],
    ['changed', false, { ...inputs, entry: entry({ 2: flipped(proof) }) }],
    ['made for a poll', false, { ...inputs, entry: entry({ 2: under('poll request') }) }],
    ['made for a preference', false, { ...inputs, entry: entry({ 2: under('preference request') }) }],
    ...(otherFields[what] ?? []).map(
      ([name, over]) => [name, false, { ...inputs, entry: entry(over) }] as const,
    ),
    ['an unknown field that it does not cover', false, { ...inputs, entry: entry({ 100: 'later' }) }],
    ['another time', false, { ...inputs, time: now + 1 }],
    ['another nonce', false, { ...inputs, nonce: flipped(nonce) }],
    ['another domain', false, { ...inputs, domain: 'alpha.test' }],
    ['another key id', false, { ...inputs, keyId: flipped(beta.poll.id) }],
    ['another domain key', false, { ...inputs, secret: seeded('another poll key')(32) }],
    ['another poll key', false, { ...inputs, entry: entry({ 1: x25519Public(seeded('other')(32)) }) }],
    [
      'a poll key of small order with the proof of zeros',
      false,
      { ...inputs, entry: encode(unproven(zeroKey, { ...fields, 2: zeroProof })) },
    ],
  ];
  for (const [description, output, given] of answers)
    cases.positive(nameOf(`check-${operation}-proof`, `${what} ${description}`), {
      spec: 'addressing.md section 2',
      description: `${what}, ${description}; a bad proof has no error: it is answered as one about nothing`,
      operation: `check ${operation} proof`,
      inputs: given,
      output,
    });
}

// --- section 3 ---

const parties = {
  senderAddressHash: alice.addressHash,
  senderKey: alice.addressing.publicKey,
  senderFingerprint: alice.fingerprint,
  recipientAddressHash: bob.addressHash,
  recipientKey: bob.addressing.publicKey,
  recipientDomain: 'beta.test',
};

/** What Alice and Bob both derive. */
export function introduction(): Readonly<
  Record<'info' | 'dh' | 'shared' | 'pollKey' | 'recipientHash', Uint8Array>
> {
  const { addressHash, fingerprint } = alice;
  const info = ctx(
    'introduction',
    addressHash,
    bob.addressHash,
    fingerprint,
    alice.addressing.publicKey,
    'beta.test',
  );
  const dh = x25519(alice.addressing.secret, bob.addressing.publicKey);
  const shared = hkdf(dh, info);
  const pollKey = x25519(shared, bob.addressing.publicKey);
  return { info, dh, shared, pollKey, recipientHash: recipientHash(pollKey, 'beta.test') };
}

function addIntroductionDrops(cases: Collection): void {
  const spec = 'addressing.md section 3';
  const { info, dh, shared: s, pollKey, recipientHash: hash } = introduction();
  for (const [side, addressing] of [
    ['sender', alice.addressing.secret],
    ['recipient', bob.addressing.secret],
  ] as const) {
    const operation = `introduction drop for ${side}`;
    cases.positive(nameOf(operation), {
      spec,
      description: `what the ${side} derives from its own addressing key and the other's`,
      operation,
      inputs: { addressing, ...parties },
      intermediate: { dh, info, s },
      output: { pollKey, recipientHash: hash },
    });
    const otherKey = side === 'sender' ? 'recipientKey' : 'senderKey';
    cases.negative(nameOf(operation, 'small order'), 'key_invalid', {
      spec,
      description: 'an addressing key of small order',
      operation,
      inputs: { addressing, ...parties, [otherKey]: new Uint8Array(32) },
    });
  }
}

const bucketBytes = (type: number, bucket: number): Uint8Array =>
  Uint8Array.of((type << 4) | (bucket >> 8), bucket & 0xff);

function addIntroductions(cases: Collection): void {
  const spec = 'addressing.md section 3';
  const randomness = seeded('introduction seal')(32);
  const info = ctx('introduction seal', 'alpha.test', 'beta.test');
  const plainOf = (local: Uint8Array, key = alice.addressing.publicKey): Uint8Array =>
    joined(key, alice.fingerprint, local, new Uint8Array(64 - local.length));
  const sealedOf = (plain: Uint8Array, type = 0, bucket = 0xabc): Uint8Array => {
    const aad = bucketBytes(type, bucket);
    return joined(
      aad,
      hpkeSeal('x25519', bob.addressing.publicKey, info, aad, plain, () => randomness),
    );
  };
  const plain = plainOf(utf8('alice'));
  const sealed = sealedOf(plain);
  cases.positive('seal-introduction', {
    spec,
    description: 'the 178 bytes of an introduction; randomness is the ephemeral scalar',
    operation: 'seal introduction',
    inputs: {
      senderKey: alice.addressing.publicKey,
      senderFingerprint: alice.fingerprint,
      senderLocal: 'alice',
      senderDomain: 'alpha.test',
      recipientKey: bob.addressing.publicKey,
      recipientDomain: 'beta.test',
      bucketField: 0xabc,
      randomness,
    },
    intermediate: { plain, info, aad: bucketBytes(0, 0xabc) },
    output: sealed,
  });
  const base = { spec, operation: 'open introduction' };
  const inputs = (bytes: Uint8Array, over: Fields = {}): Fields => ({
    introduction: bytes,
    secret: bob.addressing.secret,
    senderDomain: 'alpha.test',
    recipientDomain: 'beta.test',
    ...over,
  });
  const output = (address: string): Fields => ({
    senderAddress: address,
    senderKey: alice.addressing.publicKey,
    senderFingerprint: alice.fingerprint,
  });
  const longest = 'a'.repeat(64);
  cases.positive('open-introduction', {
    ...base,
    description: 'it opens',
    inputs: inputs(sealed),
    output: output('alice@alpha.test'),
  });
  cases.positive('open-introduction-longest-local-part', {
    ...base,
    description: 'a local part of 64 bytes, without zeros behind it',
    inputs: inputs(sealedOf(plainOf(utf8(longest)))),
    output: output(`${longest}@alpha.test`),
  });
  const gap = plain.slice();
  gap[100] = 0x61;
  const bad: readonly (readonly [ErrorCode, string, Fields])[] = [
    ['cbor_range', 'of 177 bytes', inputs(sealed.slice(0, -1))],
    ['cbor_range', 'of 179 bytes', inputs(joined(sealed, Uint8Array.of(0)))],
    ['unsupported', 'of another type', inputs(sealedOf(plain, 1))],
    ['open_failed', 'in another bucket', inputs(flipped(sealed, 1))],
    ['open_failed', 'changed', inputs(flipped(sealed))],
    ['open_failed', 'from another domain', inputs(sealed, { senderDomain: 'gamma.test' })],
    ['open_failed', 'to another domain', inputs(sealed, { recipientDomain: 'gamma.test' })],
    ['open_failed', 'to another key', inputs(sealed, { secret: alice.addressing.secret })],
    ['padding_invalid', 'without a local part', inputs(sealedOf(plainOf(new Uint8Array(0))))],
    ['padding_invalid', 'with bytes behind the local part', inputs(sealedOf(gap))],
    ['cbor_utf8', 'with a local part that is not UTF-8', inputs(sealedOf(plainOf(Uint8Array.of(0xff))))],
    ['address_invalid', 'with a local part in upper case', inputs(sealedOf(plainOf(utf8('Alice'))))],
    ['address_invalid', 'with a tag', inputs(sealedOf(plainOf(utf8('alice+shop'))))],
    ['address_invalid', 'with an at sign', inputs(sealedOf(plainOf(utf8('alice@gamma.test'))))],
    [
      'key_invalid',
      'with an addressing key of small order',
      inputs(sealedOf(plainOf(utf8('alice'), new Uint8Array(32)))),
    ],
  ];
  for (const [error, description, fields] of bad)
    cases.negative(nameOf('open-introduction', description), error, {
      ...base,
      description: `an introduction ${description}`,
      inputs: fields,
    });
}

function addIntroducers(cases: Collection): void {
  const base = { spec: 'addressing.md section 3', operation: 'check introducer' };
  const inputs = {
    senderAddress: alice.address,
    senderKey: alice.addressing.publicKey,
    senderFingerprint: alice.fingerprint,
    published: {
      address: alice.address,
      identityKey: alice.identity.publicKey,
      addressingKeys: [bob.addressing.publicKey, alice.addressing.publicKey],
    },
    made: now,
  };
  cases.positive('introducer', {
    ...base,
    description: 'identity and key are the published ones',
    inputs,
    output: true,
  });
  const { published } = inputs;
  const revoked = { ...inputs, published: { ...published, revokedAt: now + 1 } };
  cases.positive('introducer-revoked-afterwards', {
    ...base,
    description: 'a key that was revoked after the message was made',
    inputs: revoked,
    output: true,
  });
  const bad: readonly (readonly [string, Fields])[] = [
    ['a key that was revoked when the message was made', { ...revoked, made: now + 1 }],
    ['another identity', { ...inputs, published: { ...published, identityKey: bob.identity.publicKey } }],
    [
      'a key that is not published',
      { ...inputs, published: { ...published, addressingKeys: [bob.addressing.publicKey] } },
    ],
    ['another address', { ...inputs, senderAddress: 'carol@alpha.test' }],
  ];
  for (const [description, fields] of bad)
    cases.negative(nameOf('introducer', description), 'fingerprint_mismatch', {
      ...base,
      description,
      inputs: fields,
    });
}

function addBuckets(cases: Collection): void {
  const base = { spec: 'addressing.md section 3', operation: 'bucket' };
  const addressingKey = bob.addressing.publicKey;
  const info = ctx('bucket', 'beta.test');
  const derived = hkdf(addressingKey, info, 2);
  const full = ((derived[0] ?? 0) << 4) | ((derived[1] ?? 0) >> 4);
  for (const bits of [0, 1, 5, 12]) {
    const number = full >> (12 - bits);
    cases.positive(`bucket-${bits}`, {
      ...base,
      description: `the field of the ref and the number that the feed is asked for, with ${bits} bits`,
      inputs: { addressingKey, domain: 'beta.test', bits },
      intermediate: { info, derived },
      output: { field: number << (12 - bits), number },
    });
  }
  cases.negative('bucket-13', 'cbor_range', {
    ...base,
    description: 'a client refuses more than 12 bits',
    inputs: { addressingKey, domain: 'beta.test', bits: 13 },
  });
}

// --- section 4 ---

function addDerivedDrops(cases: Collection): void {
  const master = seeded('drop master')(32);
  const epoch = seeded('drop epoch')(16);
  let chain = seeded('drop chain')(32);
  for (const n of [0, 1, 2]) {
    const scalar = hkdf(master, ctx('drop-poll', epoch, n));
    const sealingSeed = hkdf(chain, ctx('drop-seal', epoch, n));
    const nextChain = hkdf(chain, ctx('drop-chain', epoch, n));
    cases.positive(`derive-drop-${n}`, {
      spec: 'addressing.md section 4',
      description: `drop ${n} of a client; chain is chain(${n})`,
      operation: 'derive drop',
      inputs: { master, epoch, n, chain },
      intermediate: { scalar },
      output: { pollKey: x25519Public(scalar), sealingSeed, sealingKey: xwingPublic(sealingSeed), nextChain },
    });
    chain = nextChain;
  }
}

function addHandedOver(cases: Collection): void {
  const base = { spec: 'addressing.md section 4', operation: 'check handed-over drop' };
  const pollKey = x25519Public(seeded('drop poll')(32));
  const sealingKey = xwingPublic(seeded('drop seal')(32));
  const dropOf = (over: Readonly<Record<number, Node>> = {}): Uint8Array =>
    encode(recordNode({ 2: pollKey, 3: 1, 4: sealingKey, 5: now - day, 6: now + 89 * day, ...over }));
  const inputs = (drop: Uint8Array): Fields => ({ drop, senderDomain: 'alpha.test', now });
  const good: readonly (readonly [string, Uint8Array])[] = [
    ['without a domain', dropOf()],
    ['with the domain of the sender', dropOf({ 1: 'alpha.test' })],
    ['on its last second', dropOf({ 6: now })],
  ];
  for (const [description, drop] of good)
    cases.positive(nameOf('handed-over', description), {
      ...base,
      description,
      inputs: inputs(drop),
      output: true,
    });
  const bad: readonly (readonly [ErrorCode, string, Uint8Array])[] = [
    ['drop_expired', 'past its time', dropOf({ 6: now - 1 })],
    ['drop_expired', 'for more than 90 days', dropOf({ 6: now + 89 * day + 1 })],
    ['message_mismatch', 'at another domain', dropOf({ 1: 'gamma.test' })],
    ['unsupported', 'of an unknown suite', dropOf({ 3: 2 })],
    ['key_invalid', 'with a poll key of small order', dropOf({ 2: new Uint8Array(32) })],
    ['key_invalid', 'with a sealing key of another length', dropOf({ 4: sealingKey.slice(1) })],
    [
      'key_invalid',
      'with a sealing key that is not canonical',
      dropOf({ 4: joined(fromHex('ffffff'), sealingKey.slice(3)) }),
    ],
  ];
  for (const [error, description, drop] of bad)
    cases.negative(nameOf('handed-over', description), error, { ...base, description, inputs: inputs(drop) });
}
