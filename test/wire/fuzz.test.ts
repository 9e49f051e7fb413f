/**
 * Every decoder of src/wire takes any bytes and gives a value that is written as the same bytes again, or a BeckonError
 * with a known code. The one exception is in the spec (README.md section 4): items with unknown critical fields are left
 * out of lists.
 */
import { readdirSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { decode as cborgDecode } from 'cborg';
import fc from 'fast-check';
import { BeckonError, errorCodes } from '../../src/errors.ts';
import { canonicalLocal, formatAddress, parseAddress, splitAddress } from '../../src/wire/address.ts';
import { canonicalDomain, checkDomain } from '../../src/wire/domain-name.ts';
import { formatInvitation, parseInvitation } from '../../src/wire/invitation.ts';
import { splitDatagram } from '../../src/wire/notification.ts';
import { datagramSizes } from '../../src/wire/registry.ts';
import type { RecordSchema } from '../../src/wire/schema.ts';
import { sameBytes } from '../support/bytes.ts';
import { address, codecEntries, codecs, domain, type Codec } from './arbitraries.ts';
import { mutated } from './mutations.ts';

/** The value, or undefined where it was refused as it should be. Anything else than a known code fails the test. */
function attempt<T>(t: ExecutionContext, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    t.true(error instanceof BeckonError, String(error));
    const { code } = error as BeckonError;
    t.true(errorCodes.includes(code) && code !== 'internal', code);
    return undefined;
  }
}

/** Whether another implementation finds a negative map key in it, at any depth. */
function hasCritical(bytes: Uint8Array): boolean {
  const search = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.some(search);
    if (!(value instanceof Map)) return false;
    return [...value].some(([key, each]) => (typeof key === 'number' && key < 0) || search(each));
  };
  return search(cborgDecode(bytes, { useMaps: true }));
}

function checkDecoder(t: ExecutionContext, codec: Codec<unknown>, bytes: Uint8Array): boolean {
  const value = attempt(t, () => codec.decode(bytes));
  if (value === undefined) return false;
  const again = attempt(t, () => codec.encode(value));
  if (again !== undefined && Buffer.compare(again, bytes) === 0) return true;
  t.true(hasCritical(bytes), `written anew as other bytes: ${Buffer.from(bytes).toString('hex')}`);
  if (again !== undefined) t.deepEqual(codec.decode(again), value);
  return true;
}

for (const [name, codec] of codecEntries) {
  test(`${name}: what is encoded decodes to the same`, (t) => {
    fc.assert(
      fc.property(codec.valid, (value) => {
        const bytes = codec.encode(value);
        t.deepEqual(codec.decode(bytes), value);
        sameBytes(t, codec.encode(codec.decode(bytes)), bytes);
      }),
    );
  });

  test(`${name}: arbitrary bytes are refused or read in full`, (t) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ size: 'large' })), (bytes) => {
        checkDecoder(t, codec, bytes);
      }),
    );
    t.pass();
  });

  test(`${name}: spoilt encodings are refused or read in full`, (t) => {
    const before = process.memoryUsage().arrayBuffers;
    let refused = 0;
    fc.assert(
      fc.property(mutated(codec.valid.map(codec.encode)), (bytes) => {
        if (!checkDecoder(t, codec, bytes)) refused++;
      }),
      { numRuns: 300 },
    );
    t.true(refused > 0);
    // Claimed lengths of 2 GiB are among the mutations.
    t.true(process.memoryUsage().arrayBuffers - before < 2 ** 28);
  });
}

test('every record schema that src/wire exports is fuzzed', async (t) => {
  const folder = new URL('../../src/wire/', import.meta.url);
  for (const file of readdirSync(folder)) {
    const exported = (await import(new URL(file, folder).href)) as Readonly<Record<string, unknown>>;
    for (const value of Object.values(exported).filter(isRecordSchema))
      t.true(value.name in codecs, value.name);
  }
});

function isRecordSchema(value: unknown): value is RecordSchema<unknown> {
  return typeof value === 'object' && value !== null && 'fields' in value && 'read' in value;
}

test('splitDatagram takes datagrams of both sizes apart and refuses all else', (t) => {
  const datagram = fc
    .constantFrom(...datagramSizes)
    .chain((size) => fc.uint8Array({ minLength: size, maxLength: size }))
    .map((bytes) => Uint8Array.of(0x11, ...bytes.subarray(1)));
  fc.assert(
    fc.property(fc.oneof(datagram, mutated(datagram), fc.uint8Array({ maxLength: 1300 })), (bytes) => {
      const split = attempt(t, () => splitDatagram(bytes));
      if (split === undefined) t.true(![512, 1200].includes(bytes.length) || bytes[0] !== 0x11);
      else {
        t.deepEqual(Buffer.concat([split.header, split.sealed]), Buffer.from(bytes));
        t.deepEqual(split.keyId, bytes.subarray(1, 9));
      }
    }),
    { numRuns: 300 },
  );
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    .map((units) => String.fromCharCode(...units)),
);

test('parseInvitation reads what formatInvitation writes, and refuses the rest', (t) => {
  const word = codecs.invitation.valid.map((value) => formatInvitation(value as never));
  const spoilt = mutated(word.map((text) => new TextEncoder().encode(text))).map((bytes) =>
    new TextDecoder('latin1').decode(bytes),
  );
  fc.assert(
    fc.property(fc.oneof(word, spoilt, anyText), (typed) => {
      const value = attempt(t, () => parseInvitation(typed));
      if (value !== undefined) t.is(formatInvitation(value), typed.trim());
    }),
    { numRuns: 500 },
  );
});

test('parseAddress gives canonical addresses, and canonical ones as they are', (t) => {
  const typed = fc.oneof(
    address,
    anyText,
    fc.tuple(anyText, fc.oneof(domain, anyText)).map(([local, name]) => `${local}@${name}`),
    fc.emailAddress(),
  );
  fc.assert(
    fc.property(typed, (text) => {
      const parsed = attempt(t, () => parseAddress(text));
      if (parsed === undefined) return;
      const canonical = formatAddress(parsed.address);
      t.deepEqual(splitAddress(canonical), parsed.address);
      t.deepEqual(parseAddress(canonical), { address: parsed.address });
    }),
    { numRuns: 1000 },
  );
});

test('canonicalLocal and canonicalDomain leave their own results alone', (t) => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.domain()), (text) => {
      const local = attempt(t, () => canonicalLocal(text));
      if (local !== undefined) t.is(canonicalLocal(local), local);
      const name = attempt(t, () => canonicalDomain(text));
      if (name === undefined) return;
      t.is(canonicalDomain(name), name);
      t.notThrows(() => checkDomain(name));
    }),
    { numRuns: 1000 },
  );
});

test('a name is canonical exactly where canonicalDomain leaves it as it is', (t) => {
  const near = fc.oneof(domain, fc.domain(), fc.stringMatching(/^[a-z0-9-]{1,6}(\.[a-z0-9-]{1,6}){0,2}$/));
  fc.assert(
    fc.property(near, (name) => {
      const left = attempt(t, () => canonicalDomain(name)) === name;
      const checked = attempt(t, () => {
        checkDomain(name);
        return true;
      });
      t.is(checked === true, left, name);
    }),
    { numRuns: 1000 },
  );
});
