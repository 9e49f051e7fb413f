/** Cases of wire-spec/bridges.md section 3: mail sealed to a bridge key. */
import { hpkeSeal } from '../../src/crypto/hpke.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { flipped, joined, type Collection } from './cases.ts';
import { nameOf } from './conventions.ts';
import { encode, map, type Node } from './encode.ts';
import { alice, keyFor } from './people.ts';
import { seeded } from './random.ts';
import { ctx, padded } from './reference.ts';
import { sampleNode } from './structures.ts';

const domain = 'alpha.test';
const key = keyFor(domain, 'bridge');
const overhead = 1120 + 16;
const randomness = seeded('mail seal')(64);
const nothing = new Uint8Array(0);

const mailWith = (recipients: readonly string[]): Uint8Array =>
  encode(sampleNode('mail-submission', { reversePath: alice.address, recipients }));
const one = mailWith(['carol@gamma.test']);
/** As many as there may be, and as long as they may be in 64 bytes before the @. */
const hundred = mailWith(
  Array.from({ length: 100 }, (_, i) => `${'c'.repeat(60)}+${String(i).padStart(3, '0')}@gamma.test`),
);

const info = (
  over: { readonly domain?: string; readonly keyId?: Uint8Array; readonly purpose?: string } = {},
): Uint8Array => ctx(over.purpose ?? 'mail', over.domain ?? domain, over.keyId ?? key.id);
const seal = (plaintext: Uint8Array, bound = info(), to = key.publicKey): Uint8Array =>
  hpkeSeal('xwing', to, bound, nothing, plaintext, () => randomness);
const plaintextOf = (content: Uint8Array, units = 1): Uint8Array => padded(content, 4096 * units - overhead);

export function addMailSubmissions(cases: Collection): void {
  addRecipients(cases);
  addSealing(cases);
  addOpening(cases);
}

function addRecipients(cases: Collection): void {
  const base = { spec: 'bridges.md section 3', operation: 'open mail' };
  const sealedFor = (recipient: string) => ({ sealed: seal(plaintextOf(mailWith([recipient]))), ...own });
  for (const recipient of [
    'Carol@gamma.test',
    "o'hara+a.b+c@gamma.test",
    'каждый@gamma.test',
    `${'a'.repeat(64)}@gamma.test`,
  ])
    cases.positive(nameOf('mail-to', `who-is-${Buffer.from(recipient).toString('hex').slice(0, 24)}`), {
      ...base,
      description: `mail to ${recipient}`,
      inputs: sealedFor(recipient),
      output: mailWith([recipient]),
    });
  const wrong: readonly (readonly [string, ErrorCode, string])[] = [
    ['without a local part', 'address_invalid', '@gamma.test'],
    ['with a space', 'address_invalid', 'carol smith@gamma.test'],
    ['with a line end', 'address_invalid', 'carol\r\nDATA@gamma.test'],
    ['with a line end in its tag', 'address_invalid', 'carol+\r\nDATA@gamma.test'],
    ['with a bracket in its tag', 'address_invalid', 'carol+><x@gamma.test'],
    ['with quotes', 'address_invalid', '"carol"@gamma.test'],
    ['with two dots together', 'address_invalid', 'carol..s@gamma.test'],
    ['that begins with a tag', 'address_invalid', '+x@gamma.test'],
    ['of 65 bytes before the at', 'address_invalid', `carol+${'x'.repeat(59)}@gamma.test`],
    ['that is not in NFC', 'address_invalid', 'caro\u0308l@gamma.test'],
    ['in a domain in capitals', 'domain_invalid', 'carol@Gamma.test'],
    ['at an address literal', 'domain_invalid', 'carol@[192.0.2.1]'],
  ];
  for (const [description, error, recipient] of wrong)
    cases.negative(nameOf('mail-to-a-recipient', description), error, {
      ...base,
      description: `mail to a recipient ${description}`,
      inputs: sealedFor(recipient),
    });
}

const own = { seed: key.secret, domain, keyId: key.id };

function addSealing(cases: Collection): void {
  const sizes: readonly (readonly [string, Uint8Array, number])[] = [
    ['to one recipient', one, 1],
    ['to a hundred recipients', hundred, 3],
  ];
  for (const [description, mail, units] of sizes)
    cases.positive(nameOf('seal-mail', description), {
      spec: 'bridges.md section 3',
      description: `mail ${description}, ${units} x 4096 bytes`,
      operation: 'seal mail',
      inputs: { mail, bridgeKey: key.publicKey, domain, keyId: key.id, randomness },
      intermediate: { info: info(), plaintext: plaintextOf(mail, units) },
      output: seal(plaintextOf(mail, units)),
    });
}

function addOpening(cases: Collection): void {
  const base = { spec: 'bridges.md section 3', operation: 'open mail' };
  const good: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
    ['to one recipient', seal(plaintextOf(one)), one],
    ['in more units than it needs', seal(plaintextOf(one, 16)), one],
    ['to a hundred recipients', seal(plaintextOf(hundred, 3)), hundred],
  ];
  for (const [description, sealed, output] of good)
    cases.positive(nameOf('open-mail', description), {
      ...base,
      description: `mail ${description}`,
      inputs: { sealed, ...own },
      output,
    });
  const dirty = plaintextOf(one);
  dirty[dirty.length - 1] = 1;
  const sealed = seal(plaintextOf(one));
  const spoilt = (recipients: Node): Uint8Array =>
    seal(plaintextOf(encode(sampleNode('mail-submission', { recipients }))));
  const bad: readonly (readonly [string, ErrorCode, Uint8Array])[] = [
    ['with a changed enc', 'open_failed', flipped(sealed, 0)],
    ['with a changed byte', 'open_failed', flipped(sealed, 2000)],
    ['with a changed tag', 'open_failed', flipped(sealed)],
    ['cut short', 'open_failed', sealed.slice(0, -1)],
    ['with a byte behind', 'open_failed', joined(sealed, Uint8Array.of(0))],
    ['that is empty', 'open_failed', nothing],
    ['of 17 units', 'open_failed', new Uint8Array(17 * 4096)],
    ['sealed for another domain', 'open_failed', seal(plaintextOf(one), info({ domain: 'beta.test' }))],
    ['sealed for another key id', 'open_failed', seal(plaintextOf(one), info({ keyId: flipped(key.id) }))],
    ['sealed for another purpose', 'open_failed', seal(plaintextOf(one), info({ purpose: 'envelope key' }))],
    [
      'sealed to another key',
      'open_failed',
      seal(plaintextOf(one), info(), keyFor('beta.test', 'bridge').publicKey),
    ],
    ['with padding that is not zero', 'padding_invalid', seal(dirty)],
    ['with a byte behind its content', 'cbor_trailing', seal(plaintextOf(joined(one, Uint8Array.of(0))))],
    ['without fields', 'cbor_missing_field', seal(plaintextOf(encode(map())))],
    ['to nobody', 'cbor_range', spoilt([])],
    ['to 101 recipients', 'cbor_too_large', spoilt(Array.from({ length: 101 }, () => 'c@gamma.test'))],
  ];
  for (const [description, error, bytes] of bad)
    cases.negative(nameOf('open-mail', description), error, {
      ...base,
      description: `mail ${description}`,
      inputs: { sealed: bytes, ...own },
    });
}
