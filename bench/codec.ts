/**
 * What decoding the payload of a notification with four refs costs: `node bench/codec.ts`. For
 * docs/decisions.md, which says why no library decodes. The peers do less: they check neither fields nor their limits.
 */
import { Decoder } from 'cbor-x';
import { decode as decodeCborg } from 'cborg';
import { createInput, expectEnd, skip } from '../src/wire/cbor.ts';
import { notification, type Notification } from '../src/wire/notification.ts';
import { decode, encode } from '../src/wire/schema.ts';
import { machine } from './report.ts';

const rounds = 200;
/** Decodings in one turn: some 20 ms. */
const slot = 20_000;

const content: Notification = {
  sender: 'alpha.test',
  serial: 1_800_000_000,
  time: 1_800_000_100,
  refs: Array.from({ length: 4 }, (_, i) => ({
    recipientHash: new Uint8Array(32).fill(i),
    messageId: new Uint8Array(32).fill(i + 100),
    expires: 1_801_209_600,
    sizeClass: 13,
  })),
};
const bytes = encode(notification, content);
const buffer = Buffer.from(bytes);

const cborx = new Decoder({ mapsAsObjects: false, useRecords: false });
const strict = {
  useMaps: true,
  strict: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
};

/** Our own validator over the whole item, without a schema. */
function validate(): void {
  const input = createInput(bytes);
  skip(input);
  expectEnd(input);
}

const contenders: readonly (readonly [string, () => unknown])[] = [
  ['schema decoder (src/wire)', () => decode(notification, bytes)],
  [
    'own validator, then cbor-x',
    () => {
      validate();
      return cborx.decode(buffer);
    },
  ],
  ['cborg, strict', () => decodeCborg(bytes, strict)],
  ['cbor-x alone, which accepts too much', () => cborx.decode(buffer)],
];

/** Seconds of processor time for one decoding. */
function cost(action: () => unknown): number {
  const before = process.cpuUsage();
  for (let i = 0; i < slot; i++) action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / slot;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

console.log(`${machine()}; ${bytes.length} bytes, median of ${rounds} turns`);
const costs = contenders.map(() => [] as number[]);
// In short turns, so that a machine whose speed drifts slows all of them alike.
for (let round = -10; round < rounds; round++)
  contenders.forEach(([, action], i) => {
    const seconds = cost(action);
    if (round >= 0) costs[i]?.push(seconds);
  });
const own = costs[0] ?? [];
for (const [i, [name]] of contenders.entries()) {
  const seen = costs[i] ?? [];
  const ratio = median(seen.map((seconds, round) => seconds / (own[round] ?? 0)));
  const thousands = Math.round(1 / median(seen) / 1000);
  console.log(`${name.padEnd(38)} ${thousands} thousand a second, ${ratio.toFixed(2)} of our time`);
}
