/** Contact cards: each is in its owner's list and in the index by end, and neither names what is not there. */
import { cardEndKey, cardKey, cardRow } from './cards.ts';
import { readable, rowsOf, type Findings } from './check-rows.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { equal } from './digest.ts';
import { joined, ownerKey } from './keys.ts';
import { sizes } from '../wire/registry.ts';

const timeSize = 6;
const hashSize = 32;

export async function checkCards(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const cards = engine.table('cards', schemaCodec(cardRow));
  const byOwner = engine.table('cards_by_owner', emptyCodec);
  const byEnd = engine.table('cards_by_end', emptyCodec);
  for await (const { key, value } of rowsOf(engine, 'cards', schemaCodec(cardRow), findings)) {
    const domain = new TextDecoder().decode(key.subarray(0, -sizes.cardId - 1));
    if (!byOwner.has(joined(ownerKey({ domain, user: value.user }), key.subarray(-sizes.cardId))))
      report('cards', key, 'is in nobody’s list');
    if (!byEnd.has(cardEndKey(key, value.expires))) report('cards', key, 'would never end');
  }
  for await (const { key } of rowsOf(engine, 'cards_by_owner', emptyCodec, findings)) {
    const domain = new TextDecoder().decode(key.subarray(0, -sizes.cardId - hashSize - 1));
    const row = readable(cards, cardKey(domain, key.subarray(-sizes.cardId)));
    const owner = row && ownerKey({ domain, user: row.user });
    if (owner === undefined || !equal(owner, key.subarray(0, -sizes.cardId)))
      report('cards_by_owner', key, 'lists a card that the user does not have');
  }
  for await (const { key } of rowsOf(engine, 'cards_by_end', emptyCodec, findings)) {
    const row = readable(cards, key.slice(timeSize));
    if (row === undefined || !equal(key, cardEndKey(key.slice(timeSize), row.expires)))
      report('cards_by_end', key, 'ends what is not there');
  }
}
