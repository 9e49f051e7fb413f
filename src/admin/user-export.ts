/**
 * All that a hoster has about one user, as files: for the user who asks for it, or moves.
 *
 *  1. a directory that is not there yet, for its owner alone
 *  2. ciphertexts: the client's state, what is kept, what was sent and waits
 *  3. user.json: what the tables say, and which of it lies in which file; it is written last, so that it stands for a whole
 */
import { base64urlnopad } from '@scure/base';
import { mkdir, open, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { BeckonError } from '../errors.ts';
import { addressHash, traceHandleText } from '../keys/fingerprints.ts';
import type { BlobRef } from '../store/api/blobs.ts';
import type { Store } from '../store/api/store.ts';
import type { Cursor, Owner, Page } from '../store/api/terms.ts';
import type { SentMessage } from '../store/api/transit.ts';
import type { User } from '../store/api/users.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { failed, syncDirectory, writeNewFile } from './durable-file.ts';

type ExportStore = Pick<Store, 'users' | 'aliases' | 'states' | 'kept' | 'transit' | 'blobs' | 'events'>;

const text = base64urlnopad.encode;
const pageSize = 256;
const fileMode = 0o600;

/** Operations for `createRunningOperations`. */
export function exportOperations({ store }: { readonly store: ExportStore }) {
  return {
    /**
     * Writes everything about a user into a directory that does not exist. Throws `not_found`, `request_invalid` for a path that is
     * not absolute, `exists`, `storage_failed`.
     */
    async exportUser(typed: string, directory: string) {
      const { address } = parseAddress(typed);
      const user = await store.users.get(address.domain, addressHash(formatAddress(address)));
      if (user === undefined) throw new BeckonError('not_found', 'there is no such user');
      if (!isAbsolute(directory))
        throw new BeckonError('request_invalid', 'an export goes to an absolute path');
      await mkdir(directory, { mode: 0o700 }).catch((cause: unknown) => {
        throw failed(directory, cause);
      });
      try {
        const { files, bytes } = await writeAll(store, user, directory);
        return { address: formatAddress(address), directory, files, bytes };
      } catch (error) {
        await rm(directory, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

async function writeAll(store: ExportStore, user: User, directory: string) {
  const owner = { domain: user.domain, user: user.addressHash };
  const files = createFiles(store, directory);
  const state = await store.states.get(owner);
  const description = {
    ...described(user),
    aliases: await aliasesOf(store, owner),
    ...(state === undefined
      ? {}
      : { state: { ...(await files.blob('state', state)), changed: state.changed } }),
    kept: await keptOf(store, owner, files),
    sent: await sentOf(store, owner, files),
    used: (await store.transit.usage(owner.domain, owner.user)).bytes,
  };
  await writeNewFile(join(directory, 'user.json'), `${JSON.stringify(description, null, 2)}\n`);
  const { count, bytes } = files.written();
  return { files: count + 1, bytes };
}

function described(user: User) {
  const { local, domain, status, created, gone, invitedUntil, record } = user;
  return {
    address: formatAddress({ local, domain }),
    addressHash: text(user.addressHash),
    state: status,
    created,
    ...(gone === undefined ? {} : { removed: gone }),
    ...(invitedUntil === undefined ? {} : { invitedUntil }),
    ...(record === undefined ? {} : { record: text(record) }),
    devices: user.devices.map(({ device, kind, name, added }) => ({
      device: text(device),
      kind,
      name,
      added,
    })),
  };
}

async function aliasesOf({ aliases }: ExportStore, { domain, user }: Owner) {
  return (await aliases.of(domain, user)).map(({ local, created, record }) => ({
    address: formatAddress({ local, domain }),
    created,
    ...(record === undefined ? {} : { record: text(record) }),
  }));
}

async function keptOf({ kept }: ExportStore, owner: Owner, files: Files) {
  const described = [];
  for await (const one of all((page) => kept.list(owner, page))) {
    const name = text(one.name);
    const written = await files.blob(`kept-${name}`, one);
    described.push({ name, created: one.created, expires: one.expires, ...written });
  }
  return described;
}

async function sentOf(store: ExportStore, owner: Owner, files: Files) {
  const described = [];
  for await (const one of all((page) => store.transit.list(owner, page)))
    described.push(await sentMessage(store, one, files));
  return described;
}

/** With its ciphertexts while it waits; the record of one that ended has none. */
async function sentMessage({ transit, events }: ExportStore, one: SentMessage, files: Files) {
  const handle = traceHandleText(one.traceHandle);
  const { destination, state, created, expires, size, firstFetch, ended } = one;
  const happened = await events.byHandle(one.traceHandle);
  const live = await transit.read(one.idHash);
  return {
    handle,
    destination,
    state,
    created,
    expires,
    size,
    ...(firstFetch === undefined ? {} : { fetched: firstFetch }),
    ...(ended === undefined ? {} : { ended }),
    events: happened.map(({ time, kind, counterpart }) => ({ time, event: kind, peer: counterpart })),
    ...(live === undefined
      ? {}
      : {
          recipientHash: text(live.recipientHash),
          header: await files.bytes(`sent-${handle}.header`, live.header),
          envelope: await files.bytes(`sent-${handle}.envelope`, live.envelope),
          payload: await files.blob(`sent-${handle}.payload`, live.blob),
        }),
  };
}

interface Written {
  readonly file: string;
  readonly sha256?: string;
  readonly size: number;
}

interface Files {
  bytes(name: string, content: Uint8Array): Promise<Written>;
  blob(name: string, blob: BlobRef): Promise<Written>;
  written(): { readonly count: number; readonly bytes: number };
}

function createFiles({ blobs }: Pick<ExportStore, 'blobs'>, directory: string): Files {
  let count = 0;
  let bytes = 0;

  async function write(
    name: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<number> {
    const path = join(directory, name);
    let size = 0;
    try {
      await using file = await open(path, 'wx', fileMode);
      for await (const chunk of source) {
        await file.write(chunk);
        size += chunk.length;
      }
      await file.sync();
    } catch (cause) {
      throw cause instanceof BeckonError ? cause : failed(path, cause);
    }
    count++;
    bytes += size;
    await syncDirectory(directory);
    return size;
  }

  return {
    bytes: async (file, content) => ({ file, size: await write(file, [content]) }),
    blob: async (file, blob) => ({
      file,
      sha256: text(blob.hash),
      size: await write(file, blobs.read(blob, 0, blob.size)),
    }),
    written: () => ({ count, bytes }),
  };
}

async function* all<T>(
  list: (page: { readonly after?: Cursor; readonly limit: number }) => Promise<Page<T>>,
): AsyncGenerator<T> {
  for (let after: Cursor | undefined; ;) {
    const page = await list({ limit: pageSize, ...(after === undefined ? {} : { after }) });
    yield* page.items;
    after = page.next;
    if (after === undefined) return;
  }
}
