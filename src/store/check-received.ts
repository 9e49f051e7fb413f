/** What a receiving domain holds, and who its users are: pending refs and their counts, the feed, domains, users, devices. */
import { aliasRow, type AliasRow } from './aliases.ts';
import { equal } from './digest.ts';
import { deliveredRow } from './deliveries.ts';
import { domainRow, publishedRow } from './domains.ts';
import { emptyCodec, schemaCodec, type Engine } from './engine.ts';
import { feedRow, sequenceRow } from './feed.ts';
import { readable, rowsOf, type Findings } from './check-rows.ts';
import { joined, name, readOrdered, refHash } from './keys.ts';
import { countRow, pendingRow, quotaKeyOf } from './pending-rows.ts';
import { preferenceRow } from './preferences.ts';
import { find } from './signers.ts';
import { signersOf, userRow } from './user-rows.ts';
import { deviceRow } from './users.ts';

const refKeySize = 64;
const placeSize = 6;
const maxUserRow = 256 * 1024;
const maxPublishedRow = 128 * 1024;
const hashSize = 32;
const aliasCodec = schemaCodec(aliasRow, 128 * 1024);

export async function checkPending(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const refs = new Map<string, number>();
  for await (const { key, value } of rowsOf(engine, 'pending', schemaCodec(pendingRow), findings)) {
    const quotaKey = quotaKeyOf(value);
    refs.set(quotaKey, (refs.get(quotaKey) ?? 0) + 1);
    const tail = key.slice(-refKeySize / 2);
    if (key.length <= refKeySize || !equal(tail, refHash(value.sender, value.messageId)))
      report('pending', key, 'stands in another place than its own');
  }
  for await (const { key, value } of rowsOf(engine, 'pending_counts', schemaCodec(countRow), findings)) {
    const quotaKey = Buffer.from(key.subarray(0, -1)).toString('utf8');
    if (refs.get(quotaKey) !== value.refs)
      report('pending_counts', key, `counts ${value.refs} refs, there are ${refs.get(quotaKey) ?? 0}`);
    refs.delete(quotaKey);
  }
  for (const quotaKey of refs.keys())
    report('pending_counts', name(quotaKey), 'counts nothing of what there is');
}

/** A name, its zero byte, and a hash. */
export async function checkPreferences(engine: Engine, findings: Findings): Promise<void> {
  for await (const { key } of rowsOf(engine, 'preferences', schemaCodec(preferenceRow), findings))
    if (key.length <= hashSize + 1 || key.at(-hashSize - 1) !== 0)
      findings.report('preferences', key, 'stands under no recipient hash');
}

export async function checkFeed(engine: Engine, findings: Findings): Promise<void> {
  const sequences = engine.table('feed_sequences', schemaCodec(sequenceRow));
  for await (const { key } of rowsOf(engine, 'feed', schemaCodec(feedRow), findings)) {
    const last = readable(sequences, key.slice(0, -placeSize))?.last ?? 0;
    if (key.length <= placeSize || readOrdered(key, key.length - placeSize) > last)
      findings.report('feed', key, 'stands beyond the end of its feed');
  }
}

export async function checkUsers(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const domains = engine.table('domains', schemaCodec(domainRow));
  const users = engine.table('users', schemaCodec(userRow, maxUserRow));
  const devices = engine.table('devices', schemaCodec(deviceRow));
  for await (const { key, value } of rowsOf(engine, 'domains', schemaCodec(domainRow), findings))
    if (!equal(key, name(value.domain))) report('domains', key, 'stands under another name than its own');
  const published = schemaCodec(publishedRow, maxPublishedRow);
  for await (const { key } of rowsOf(engine, 'published', published, findings))
    if (key.at(-1) !== 0) report('published', key, 'stands under no name');
  for await (const { key, value } of rowsOf(engine, 'users', schemaCodec(userRow, maxUserRow), findings)) {
    if (!equal(key, joined(name(value.domain), value.addressHash)))
      report('users', key, 'stands under another name than its own');
    if (!domains.has(name(value.domain))) report('users', key, 'is of a domain that is not there');
    for (const { device } of signersOf(value))
      if (!devices.has(device)) report('users', key, 'has a device that may not speak');
  }
  for await (const { key, value } of rowsOf(engine, 'devices', schemaCodec(deviceRow), findings)) {
    const [domain, addressHash] = value;
    const user = readable(users, joined(name(domain), addressHash));
    if (user === undefined || find(signersOf(user), key) === undefined)
      report('devices', key, 'speaks for a user who does not have it');
  }
  await checkAliases(engine, findings);
}

/** What was delivered, so that it is not delivered again: under names of their own. */
export async function checkDelivered(engine: Engine, findings: Findings): Promise<void> {
  for await (const { key } of rowsOf(engine, 'delivered', schemaCodec(deliveredRow), findings))
    if (key.length !== hashSize) findings.report('delivered', key, 'stands under no name');
}

async function checkAliases(engine: Engine, findings: Findings): Promise<void> {
  const { report } = findings;
  const aliases = engine.table('aliases', aliasCodec);
  const users = engine.table('users', schemaCodec(userRow, maxUserRow));
  const byUser = engine.table('aliases_by_user', emptyCodec);
  const indexKey = ({ domain, user, addressHash }: AliasRow) => joined(name(domain), user, addressHash);
  for await (const { key, value } of rowsOf(engine, 'aliases', aliasCodec, findings)) {
    if (!equal(key, joined(name(value.domain), value.addressHash)))
      report('aliases', key, 'stands under another name than its own');
    if (value.removed) continue;
    if (!byUser.has(indexKey(value))) report('aliases', key, 'is in nobody’s list');
    if (!users.has(joined(name(value.domain), value.user)))
      report('aliases', key, 'is of a user who is not there');
  }
  for await (const { key } of rowsOf(engine, 'aliases_by_user', emptyCodec, findings)) {
    const row = readable(aliases, joined(key.slice(0, -2 * hashSize), key.slice(-hashSize)));
    if (row === undefined || row.removed || !equal(key, indexKey(row)))
      report('aliases_by_user', key, 'names an alias that the user does not have');
  }
}
