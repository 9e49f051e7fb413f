/** What a message has in it, read into memory to be copied, and not accepted: what is accepted may be gone. */
import type { Client, InboxEntry, PayloadSink } from '../client/index.ts';
import { BeckonError, codeOf } from '../errors.ts';
import type { LeftOut, Rendered } from './push-render.ts';

/** A content, and the entry that it is of. */
export interface Content extends Rendered {
  readonly entry: InboxEntry;
}

/** What has to do with this machine: it stops the copying of everything. */
const local: readonly string[] = ['storage_failed', 'state_invalid', 'state_locked', 'internal'];

/** What says of a message that there is nothing to copy: it is gone, or not what was signed. The client says so. */
const lost: readonly string[] = [
  'message_gone',
  'payload_mismatch',
  'open_failed',
  'commitment_mismatch',
  'not_found',
  'request_invalid',
];

/** Undefined where a sender's side fails: others' messages go on. Throws what is local. */
export async function unlessLocal<T>(reading: Promise<T>): Promise<T | undefined> {
  return await reading.catch((error: unknown) => {
    if (local.includes(codeOf(error))) throw error;
    return undefined;
  });
}

export interface Reading {
  /** Whether the store has it already. */
  readonly isCopied: (entry: InboxEntry) => Promise<boolean>;
  /** Whether there is time for what cannot be had now. */
  readonly mayWait: boolean;
  readonly mostBytes: number;
}

/** As much as fits, in order; what is left out says why. Undefined where one is waited for. Throws what is local. */
export async function readContents(
  client: Client,
  entries: readonly InboxEntry[],
  { isCopied, mayWait, mostBytes }: Reading,
): Promise<readonly Content[] | undefined> {
  const contents: Content[] = [];
  let room = mostBytes;
  for (const entry of entries) {
    const content = (await isCopied(entry)) ? 'copied' : await contentOf(client, entry, room);
    if (content === 'waiting' && mayWait) return undefined;
    const { length = 0, mediaType = 'application/octet-stream', fileName } = entry;
    const named = { entry, mediaType, length, ...(fileName === undefined ? {} : { fileName }) };
    contents.push(
      typeof content === 'string' ? { ...named, leftOut: content } : { ...named, bytes: content },
    );
    if (typeof content !== 'string') room -= content.length;
  }
  return contents;
}

async function contentOf(client: Client, entry: InboxEntry, room: number): Promise<Uint8Array | LeftOut> {
  const { number, status, kept, length = 0 } = entry;
  if (status === 'accepted' && kept !== true) return 'read';
  if (status !== 'opened' && status !== 'accepted') return status;
  if (length > room) return 'large';
  const sink = memory();
  const held = new BeckonError('unavailable', 'not accepted yet');
  try {
    await client.payload(number, { ...sink, commit: () => Promise.reject(held) });
  } catch (error) {
    if (local.includes(codeOf(error))) throw error;
    if (error !== held) return lost.includes(codeOf(error)) ? whyLost(client, number) : 'waiting';
  }
  return sink.bytes();
}

/** The client knows by now. */
function whyLost(client: Client, number: number): LeftOut {
  const { status } = client.entry(number);
  return status === 'opened' ? 'expired' : status === 'accepted' ? 'read' : status;
}

function memory(): PayloadSink & { bytes(): Uint8Array } {
  let pieces: Uint8Array[] = [];
  const whole = (): Uint8Array => {
    pieces = [Buffer.concat(pieces)];
    return pieces[0] ?? new Uint8Array();
  };
  return {
    size: async () => pieces.reduce((sum, { length }) => sum + length, 0),
    async *read(length) {
      yield whole().subarray(0, length);
    },
    async truncate(length) {
      pieces = [whole().slice(0, length)];
    },
    async write(bytes) {
      pieces.push(bytes.slice());
    },
    commit: async () => undefined,
    bytes: whole,
  };
}

/** What is in the store need not be kept here. */
export function nowhere(): PayloadSink {
  let length = 0;
  return {
    size: async () => length,
    async *read() {},
    async truncate(to) {
      length = to;
    },
    async write(bytes) {
      length += bytes.length;
    },
    commit: async () => undefined,
  };
}
