/** Gateways: the device of each is one that speaks for the user. Marks of what was copied: each has its end. */
import { readable, rowsOf, type Findings } from './check-rows.ts';
import { equal } from './digest.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { gatewayRow, markEndKey, ownerOf, pushMarkRow } from './gateways.ts';
import { ownerKey } from './keys.ts';
import { signersOf, userRow } from './user-rows.ts';

const timeSize = 6;

export async function checkGateways(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const users = engine.table('users', schemaCodec(userRow, 256 * 1024));
  for await (const { key, value } of rowsOf(
    engine,
    'gateways',
    schemaCodec(gatewayRow, 128 * 1024),
    findings,
  )) {
    const user = readable(users, ownerKey(ownerOf(key, 1)));
    const speaks = user && signersOf(user).some(({ device }) => equal(device, value.device));
    if (speaks !== true) report('gateways', key, 'its device does not speak for the user');
  }
  const byEnd = engine.table('push_marks_by_end', emptyCodec);
  for await (const { key, value } of rowsOf(engine, 'push_marks', schemaCodec(pushMarkRow), findings))
    if (!byEnd.has(markEndKey(key, value.expires))) report('push_marks', key, 'would never end');
  const marks = engine.table('push_marks', schemaCodec(pushMarkRow));
  for await (const { key } of rowsOf(engine, 'push_marks_by_end', emptyCodec, findings)) {
    const row = readable(marks, key.slice(timeSize));
    if (row === undefined || !equal(key, markEndKey(key.slice(timeSize), row.expires)))
      report('push_marks_by_end', key, 'ends what is not there');
  }
}
