import test from 'ava';
import { formatPhrase, parsePhrase, recoveryDeviceOf, stateKeyOf } from '../../src/keys/recovery-phrase.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { BeckonError } from '../../src/errors.ts';

const zeros = new Secret(new Uint8Array(32));

test('the first phrase of BIP-39 is the known one', (t) => {
  t.is(formatPhrase(zeros), `${'abandon '.repeat(23)}art`);
});

test('a phrase that is wrong is told by its place and never repeated', (t) => {
  const words = formatPhrase(zeros).split(' ');
  const wrong = words.toSpliced(5, 1, 'secretword').join(' ');
  const error = t.throws(() => parsePhrase(wrong), { instanceOf: BeckonError, code: 'key_invalid' });
  t.regex(error?.message ?? '', /word 6/);
  t.notRegex(`${error?.message} ${error?.stack} ${String(error?.cause)}`, /secretword|abandon/);
});

test('the same phrase gives every address keys of its own', (t) => {
  const of = (address: string): string[] => [
    Buffer.from(stateKeyOf(zeros, address).expose()).toString('hex'),
    Buffer.from(recoveryDeviceOf(zeros, address).secret.expose()).toString('hex'),
  ];
  const keys = [...of('ann@alpha.test'), ...of('bob@alpha.test'), ...of('ann@beta.test')];
  t.is(new Set(keys).size, 6);
});
