/** Chapter 6: the stores as they are left, and what each party saw. */
import { dirname } from 'node:path';
import { answerLine } from './answer.ts';
import { connectionsText, datagramsText, hashOf, storeStats } from './inspect.ts';
import { number } from './narrate.ts';
import { check, type FirstContact, type Play } from './play.ts';
import { needle } from './samples.ts';
import { searchDirectory, type Needle } from './search.ts';

const shownHash = 12;

/** Ends the daemons first. True where nothing was found in the clear. */
export async function playEpilogue(play: Play, first: FirstContact, second: string): Promise<boolean> {
  const { stage, narrator, beta, bob } = play;
  narrator.chapter('6  What is left, and what each party saw');
  narrator.step('comparing recipient hashes');
  const hashes = await Promise.all(
    [first.handle, second].map((handle) => hashOf(bob.home, beta.domain, handle)),
  );
  check(hashes[0] !== hashes[1], 'both messages to bob bear the same hash');
  narrator.step('ending the daemons');
  await stage.processes.close();
  await tellStores(play);
  narrator.step('searching for plaintext');
  const found = [
    tellWire(play),
    await tellAlpha(play, first, hashes),
    await tellBeta(play),
    await tellBob(play),
  ];
  return found.every(({ size }) => size === 0);
}

async function tellStores({ narrator, alpha, beta }: Play): Promise<void> {
  for (const { name, data } of [alpha, beta]) {
    narrator.step(`reading the store of ${name}`);
    const { messages, kept, outbox, pending } = await storeStats(data);
    check(messages === 0 && outbox === 0, `${name} still keeps messages`);
    const transit = `${number(messages, 'message')} in transit, ${number(kept, 'ciphertext')} kept`;
    const rows = `${transit}, pending: ${number(pending, 'tombstone')}`;
    narrator.tell(name, `its store at the end: ${rows}`);
  }
}

function tellWire({ stage, narrator, alpha, beta }: Play): ReadonlySet<string> {
  const seen = stage.tap.seen();
  for (const { domain } of [alpha, beta]) {
    const datagrams = datagramsText(seen, domain) ?? 'no datagram';
    narrator.tell('wire', `to ${domain}: ${datagrams}; ${connectionsText(seen, domain)}`);
  }
  const found = stage.tap.found();
  narrator.explain(
    `anyone saw sizes, times and the names of the servers; letters or addresses: ${verdict(found)}`,
  );
  return found;
}

async function tellAlpha(
  { narrator, alpha, bob, letters }: Play,
  { foundWaiting }: FirstContact,
  hashes: readonly string[],
): Promise<ReadonlySet<string>> {
  const [one = '', two = ''] = hashes.map((hash) => `${hash.slice(0, shownHash)}…`);
  narrator.tell(alpha.name, `saw alice write to beta.test: sizes, times, recipient hashes ${one} and ${two}`);
  narrator.explain('two messages to one person, and they have no hash and no key in common');
  const found = new Set([
    ...foundWaiting,
    ...(await searchDirectory(alpha.data, letters.concat(addressOf(bob.address)))),
  ]);
  narrator.explain(`on its disk, letters or ${bob.address}: ${verdict(found)}`);
  return found;
}

async function tellBeta({ narrator, alice, beta, letters }: Play): Promise<ReadonlySet<string>> {
  narrator.tell(beta.name, 'saw that something waits at alpha.test under such a hash, and its owner asking');
  const found = await searchDirectory(beta.data, letters.concat(addressOf(alice.address)));
  narrator.explain(`on its disk, letters or ${alice.address}: ${verdict(found)}`);
  return found;
}

/** The same search where it must find everything: bob keeps what he wrote, too. */
async function tellBob({ narrator, bob, letters }: Play): Promise<ReadonlySet<string>> {
  const found = await searchDirectory(dirname(bob.home), letters);
  check(found.size === letters.length, 'the search does not find what it must');
  narrator.tell(
    bob.name,
    `saw everything: the same search of his own files finds all ${letters.length} that passed`,
  );
  return new Set();
}

/** What the answer looks like in the clear. */
export const answerNeedle: Needle = needle('the answer', answerLine);

function addressOf(address: string): Needle {
  return needle(address, address);
}

function verdict(found: ReadonlySet<string>): string {
  return found.size === 0 ? 'not found' : `FOUND ${[...found].join(', ')}`;
}
