/** What each domain gets to know: whole data directories are searched, byte by byte. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import test from 'ava';
import { concat } from '../../src/crypto/kdf.ts';
import { filePart, mailPart } from '../client/sink.ts';
import { startTown } from './town.ts';
import { standBefore } from './wire.ts';

const encoder = new TextEncoder();

/** Everything below a directory, as one text in which every byte is one character. */
async function contentOf(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const contents = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name))));
  return Buffer.concat(contents).toString('latin1');
}

/** The ways in which a text might stand in a table. */
function waysToWrite(text: string): readonly string[] {
  const bytes = encoder.encode(text);
  const base64 = Buffer.from(bytes).toString('base64');
  return [
    Buffer.from(bytes).toString('latin1'),
    Buffer.from(text, 'utf16le').toString('latin1'),
    Buffer.from(bytes).toString('hex'),
    // Where a text stands inside of another, its edges differ.
    base64.slice(4, -4),
  ];
}

function found(content: string, text: string): boolean {
  return waysToWrite(text).some((way) => content.includes(way));
}

test('the tables of both domains hold hashes and ciphertext only', async (t) => {
  await using town = await startTown();
  await using wire = await standBefore(town, 'beta');
  wire.passOn();
  const ann = await town.enroll('annabella.kensington@alpha.test');
  const bob = await town.enroll('bartholomew.quince@beta.test');
  const subject = 'concerning the lighthouse keeper';
  const body = `Subject: ${subject}\r\n\r\nThe wreck lies seven fathoms deep.`;
  const file = concat(encoder.encode('PLANS OF THE WRECK '), new Uint8Array(30_000).fill(0x51));
  const fileName = 'soundings-of-the-wreck.chart';

  await ann.send([bob.address], [mailPart(body), filePart(file, { fileName })], { subject });
  const { parts = [] } = await bob.wholeOf(2);
  // A first message, half of it accepted, an answer, a next message: every table has something.
  const [text] = parts;
  t.is(await bob.read(text?.number ?? 0), body);
  const answer = 'I shall bring the diving bell on Saturday.';
  await bob.send([ann.address], answer, { subject: `Re: ${subject}` });
  const [answered] = await ann.arrivals();
  await ann.client().open(answered?.number ?? 0);
  await ann.send([bob.address], 'Until Saturday then, by the diving bell.');
  await bob.arrivals();
  const ids = Object.values(
    (JSON.parse(bob.state.text ?? '') as { received: Record<string, { id: string }> }).received,
  ).map(({ id }) => id);

  const alpha = town.hoster('alpha');
  const beta = town.hoster('beta');
  await beta.admin.setDomain('beta.test', { contact: 'a planted string' });
  for (const hoster of town.hosters()) await hoster.stop();
  const atAlpha = await contentOf(alpha.data);
  const atBeta = await contentOf(beta.data);

  // Controls: the search finds what is there.
  t.true(found(atBeta, 'a planted string'));
  t.true(found(atAlpha, 'annabella.kensington'), 'a domain knows its own users');
  t.true(found(atBeta, 'bartholomew.quince'), 'a domain knows its own users');
  t.true(found(atAlpha, 'beta.test'), 'it knows the domains it talks to');

  t.false(found(atAlpha, 'bartholomew'), "the sender's domain does not know to whom");
  t.false(found(atBeta, 'annabella'), 'the receiving domain does not know from whom');
  const logs = town.logged.map(({ line }) => line).join('\n');
  const datagrams = Buffer.concat(wire.seen).toString('latin1');
  t.true(datagrams.length > 0);
  for (const secret of [subject, 'lighthouse', 'seven fathoms', 'PLANS OF', 'soundings', 'diving bell'])
    for (const content of [atAlpha, atBeta, logs, datagrams]) t.false(found(content, secret), secret);
  t.false(atAlpha.includes('Q'.repeat(100)), 'padding and content look alike');
  for (const name of ['annabella', 'bartholomew', 'alpha.test', 'beta.test']) t.false(found(datagrams, name));

  // Message ids are capabilities: the sender's domain keeps them to notify, the receiving one to hand them out; no log.
  t.true(ids.length >= 4);
  for (const id of ids)
    t.false(logs.includes(id) || logs.includes(Buffer.from(base64urlnopad.decode(id)).toString('hex')));
});
