/** `beckon send --again`: the same parts from what is kept and what is given. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Client, SentEntry, SentMessageEntry, SentState } from '../../src/client/api.ts';
import type { Home } from '../../src/cli/home.ts';
import { sentAgain } from '../../src/cli/send-again.ts';
import { sentLines } from '../../src/cli/sent.ts';
import { rejected } from '../support/identities.ts';
import { testDirectory } from '../support/directory.ts';

const message = (mediaType: string, content: string, fileName?: string): SentMessageEntry => ({
  handle: 'aaaaaaaaaaaaaaaa',
  state: 'expired',
  mediaType,
  ...(fileName === undefined ? {} : { fileName }),
  length: content.length,
  sha256: createHash('sha256').update(content).digest('base64url'),
  expires: 1000,
});

const messages = [
  message('message/rfc822', 'the text'),
  message('image/x-odd', 'picture', 'lighthouse.png'),
  message('application/beckon-cover+cbor', 'cover'),
];

const entryWith = (...states: readonly SentState[]): SentEntry => ({
  number: 12,
  subject: 'The drawing',
  created: 1,
  letterId: 'AAAAAAAAAAAAAAAAAAAAAA',
  recipients: states.map((state, index) => ({
    to: `bob${index}@beta.test`,
    way: 'drop' as const,
    ...(state === 'expired' ? { silent: true as const } : {}),
    state,
    messages,
  })),
});

const clientOf = (entry: SentEntry): Client => ({ sent: async () => [entry] }) as unknown as Client;

test('those for whom it expired get the same text and files', async (t) => {
  await using dir = await testDirectory();
  const home = { messages: join(dir.path, 'messages') } as Home;
  await mkdir(home.messages);
  await writeFile(join(home.messages, '12'), 'the text');
  const file = join(dir.path, 'lighthouse.png');
  await writeFile(file, 'picture');
  const client = clientOf(entryWith('accepted', 'expired', 'stored', 'expired'));
  const again = await sentAgain(client, home, 12, [file]);
  t.like(again, { to: ['bob1@beta.test', 'bob3@beta.test'], subject: 'The drawing', again: 12 });
  const contents: string[] = [];
  for (const part of again.parts) {
    let content = '';
    for await (const piece of part.open()) content += new TextDecoder().decode(piece);
    contents.push(`${part.mediaType} ${part.fileName ?? ''} ${part.length} ${content}`);
  }
  t.deepEqual(contents, ['message/rfc822  8 the text', 'image/x-odd lighthouse.png 7 picture']);

  t.is(await rejected(sentAgain(client, home, 12, [])), 'usage', 'the file is missing');
  t.is(await rejected(sentAgain(client, home, 13, [file])), 'not_found');
  t.is(await rejected(sentAgain(clientOf(entryWith('accepted')), home, 12, [file])), 'usage');
  const elsewhere = { messages: join(dir.path, 'elsewhere') } as Home;
  t.is(await rejected(sentAgain(client, elsewhere, 12, [file])), 'message_gone');
});

test('the list of sent messages says what to do about silence', (t) => {
  t.deepEqual(sentLines(entryWith('expired', 'stored')).slice(1), [
    '      bob0@beta.test  expired  (drop, 15 B, trace aaaaaaaaaaaaaaaa)\n      nobody came for it: beckon send --again 12',
    '      bob1@beta.test  waits  (drop, 15 B, trace aaaaaaaaaaaaaaaa)',
  ]);
});
