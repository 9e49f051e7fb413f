/** What each party saw: the wire, the domains' stores, and which hash each message waited under. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base64urlnopad } from '@scure/base';
import { parseState } from '../client/state-json.ts';
import { systemClock } from '../clock.ts';
import { traceHandle } from '../keys/fingerprints.ts';
import { recipientHash } from '../message/drops.ts';
import type { StoreStats } from '../store/api/store.ts';
import { openStore } from '../store/store.ts';
import { bytes, number } from './narrate.ts';
import type { Seen } from './tap.ts';

/** `1 datagram of 512 bytes`: the datagrams to a domain; undefined where there were none. */
export function datagramsText(seen: readonly Seen[], domain: string): string | undefined {
  const sizes = seen
    .filter(({ to, transport }) => to === domain && transport === 'udp')
    .map(({ sent }) => sent);
  if (sizes.length === 0) return undefined;
  const kinds = [...new Set(sizes)].sort((a, b) => a - b).join(' or ');
  return `${number(sizes.length, 'datagram')} of ${kinds} bytes`;
}

/** `12 TLS connections, 23,456 bytes in, 34,567 bytes out`: what went to a domain and came back. */
export function connectionsText(seen: readonly Seen[], domain: string): string {
  const all = seen.filter(({ to, transport }) => to === domain && transport === 'tcp');
  const sum = (of: 'sent' | 'answered'): number => all.reduce((total, one) => total + one[of], 0);
  return `${number(all.length, 'TLS connection')}, ${bytes(sum('sent'))} in, ${bytes(sum('answered'))} out`;
}

/** The first datagram to a domain, as far as the tap keeps it: `01 5f 33`. */
export function firstBytes(seen: readonly Seen[], domain: string): string {
  const datagram = seen.find(({ to, transport }) => to === domain && transport === 'udp');
  return Buffer.from(datagram?.first ?? [])
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
}

/** Counts the rows of a store that no daemon has open. */
export async function storeStats(data: string): Promise<StoreStats> {
  const store = await openStore({
    dir: join(data, 'store'),
    clock: systemClock,
    onFailure: (cause) => {
      throw new Error('the disk failed', { cause });
    },
  });
  try {
    return await store.stats();
  } finally {
    await store.close();
  }
}

/** The recipient hash under which a client found the message with this trace handle, in hexadecimal. */
export async function hashOf(home: string, domain: string, handle: string): Promise<string> {
  const state = parseState(await readFile(join(home, 'state.json'), 'utf8'));
  const found = Object.values(state.received).find(
    ({ id }) => traceHandle(base64urlnopad.decode(id)) === handle,
  );
  if (found === undefined) throw new Error('the client does not know this message');
  return Buffer.from(recipientHash(base64urlnopad.decode(found.pollKey), domain)).toString('hex');
}
