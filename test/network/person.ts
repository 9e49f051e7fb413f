/** Somebody with an address: a client like that of the command line, its state in memory. */
import { createClient, type Client, type InboxEntry, type SendResult } from '../../src/client/index.ts';
import type { ClientNetwork, OutgoingPart, TextFile } from '../../src/client/api.ts';
import type { Clock } from '../../src/clock.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import type { DirectoryCache } from '../../src/directory/cache.ts';
import { createConfirmLegacy } from '../../src/directory/confirm-legacy.ts';
import { createDomains } from '../../src/directory/domains.ts';
import { createRemote } from '../../src/directory/remote.ts';
import { createUsers } from '../../src/directory/users.ts';
import { createDiscover } from '../../src/dns/discover.ts';
import { createResolver } from '../../src/dns/resolver.ts';
import { silentLog as log } from '../../src/log.ts';
import { createHttps } from '../../src/outbound/https.ts';
import { mailPart, memorySink, textIn } from '../client/sink.ts';
import { eventually } from './eventually.ts';

/** A town is one process, and on a slow machine its many handshakes wait for each other: nobody there is silent. */
export const waits = {
  dns: { timeoutMs: 10_000, tries: 3 },
  https: { timeouts: { connectMs: 60_000, patienceMs: 120_000 } },
} as const;

export interface Surroundings {
  readonly resolver: string;
  readonly caFile: string;
  /** Where domains are asked that DNS calls legacy: nobody can listen on port 443 here. */
  readonly legacyPort?: number;
}

export interface Files {
  readonly state: MemoryFile;
  readonly secrets: MemoryFile;
}

export interface Person extends Files {
  readonly address: string;
  /** The present one: `restart` makes another. */
  client(): Client;
  /** As a new command would: from what is saved. */
  restart(): Promise<void>;
  /** A text, or several parts. */
  send(
    to: readonly string[],
    what: string | readonly OutgoingPart[],
    options?: SendOptions,
  ): Promise<SendResult>;
  /** Collects until so many new or changed entries came. */
  arrivals(count?: number): Promise<readonly InboxEntry[]>;
  /** Opens what waits until a message of so many parts is here with all of them: each has its own ref, and comes at its own time. */
  wholeOf(parts: number): Promise<InboxEntry>;
  /** Opens where needed, fetches, accepts; gives the text. */
  read(number: number): Promise<string>;
  close(): Promise<void>;
}

export interface SendOptions {
  readonly subject?: string;
  readonly expires?: number;
  readonly parents?: readonly string[];
}

export interface MemoryFile extends TextFile {
  text: string | undefined;
}

export function memoryFile(text?: string): MemoryFile {
  return {
    text,
    async read() {
      return this.text;
    },
    async write(next) {
      this.text = next;
    },
  };
}

/** A client over files. */
export async function openClient(files: Files, clock: Clock, surroundings: Surroundings): Promise<Client> {
  return await createClient({
    ...files,
    connect: (cache) => connect(cache, clock, surroundings),
    clock,
    random,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)),
  });
}

/** How a client reaches the world, for who wants to reach it in ways that a client does not. */
export function connect(
  cache: DirectoryCache,
  clock: Clock,
  { resolver: server, caFile, legacyPort = 443 }: Surroundings,
): ClientNetwork {
  const resolver = createResolver({ ...waits.dns, servers: [server] });
  const https = createHttps({ ...waits.https, resolver, allow: ['127.0.0.0/8'], caFiles: [caFile] });
  const domains = createDomains({ discover: createDiscover(resolver), https, cache, clock, log });
  const confirmLegacy = createConfirmLegacy({ resolver, https, clock, log, port: legacyPort });
  const users = createUsers({ domains, https, cache, confirmLegacy, clock, log });
  return { domains, users, remote: createRemote({ https }), https, close: () => https.close() };
}

/** Opens the client of somebody. With an invitation they enrol. */
export async function openPerson(
  address: string,
  invitation: string | undefined,
  clock: Clock,
  surroundings: Surroundings,
  files: Files = { state: memoryFile(), secrets: memoryFile() },
): Promise<Person> {
  let client = await openClient(files, clock, surroundings);
  if (invitation !== undefined) await client.enroll(invitation);
  return {
    ...files,
    address,
    client: () => client,
    async restart() {
      await client.close();
      client = await openClient(files, clock, surroundings);
    },
    send: (to, what, { subject = 'no subject', ...options } = {}) =>
      client.send({ to, parts: typeof what === 'string' ? [mailPart(what)] : what, subject, ...options }),
    async arrivals(count = 1) {
      const seen = new Map<number, InboxEntry>();
      return await eventually('messages', async () => {
        const { entries } = await client.sync();
        for (const entry of entries) seen.set(entry.number, entry);
        return seen.size >= count ? [...seen.values()] : undefined;
      });
    },
    async wholeOf(count) {
      return await eventually('whole message', async () => {
        await client.sync();
        for (const { number, status } of client.inbox()) if (status === 'waiting') await client.open(number);
        return client.inbox().find(({ status, parts = [] }) => {
          const isHere = parts.every((part) => part.status === 'opened');
          return status === 'opened' && parts.length === count && isHere;
        });
      });
    },
    async read(number) {
      const sink = memorySink();
      await client.payload(number, sink);
      return textIn(sink);
    },
    close: () => client.close(),
  };
}
