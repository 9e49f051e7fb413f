/** The mail queue against its indexes. */
import { readable, rowsOf, type Findings } from './check-rows.ts';
import type { Counted } from './check-transit.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { joined, ordered } from './keys.ts';
import { ownerOf } from './mail-queue.ts';
import { dueOf, mailRow, maxMailRow } from './mail-rows.ts';

const timeSize = 6;

export async function checkMailQueue(
  engine: Engine,
  findings: Findings,
  counted: Pick<Counted, 'refer' | 'use'>,
): Promise<void> {
  const { report } = findings;
  const rows = schemaCodec(mailRow, maxMailRow);
  const mails = engine.table('mail_queue', rows);
  const indexes = {
    mail_schedule: engine.table('mail_schedule', emptyCodec),
    mail_ends: engine.table('mail_ends', emptyCodec),
  };
  for await (const { key, value } of rowsOf(engine, 'mail_queue', rows, findings)) {
    const { blob, sealed, size, hash, ended } = value;
    if ((blob === undefined) !== (sealed === undefined)) report('mail_queue', key, 'has half of its content');
    if (blob === undefined && ended === undefined) report('mail_queue', key, 'waits without its content');
    if (blob !== undefined) counted.refer(blob, { size, hash });
    if (sealed !== undefined) counted.use(ownerOf(key), { messages: 1, bytes: sealed.length });
    const index = ended === undefined ? 'mail_schedule' : 'mail_ends';
    if (!indexes[index].has(joined(ordered(dueOf(value)), key)))
      report('mail_queue', key, ended === undefined ? 'would never be tried' : 'would never end');
  }
  for (const name of Object.keys(indexes))
    for await (const { key } of rowsOf(engine, name, emptyCodec, findings)) {
      const row = readable(mails, key.slice(timeSize));
      const index = row?.ended === undefined ? 'mail_schedule' : 'mail_ends';
      if (row === undefined || index !== name) report(name, key, 'stands for what is not there');
    }
}
