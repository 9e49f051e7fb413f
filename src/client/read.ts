/**
 * A payload, from where it waits (`source.ts`) into a sink.
 *
 *  1. what an earlier attempt left in the sink is kept to its last whole chunk
 *  2. the rest is fetched, decrypted and written; a broken line is taken up again
 *  3. length and hashes are verified over everything, the kept part included
 *  4. the sink commits: the bytes are durable
 *  5. small ones are kept at the own domain, for the user's other devices
 *  6. accepted, durable here; only then is the sender's domain told
 *
 * What was accepted before is read from the own domain, as long as it is kept there.
 */
import { CHUNKED_HEADER } from '../crypto/chunked.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { decryptPayload, resumePoint, type Resumption } from '../message/payload.ts';
import type { OnProgress, PayloadSink } from './api.ts';
import { isCover } from './belonging.ts';
import { expectedPayload } from './cover.ts';
import type { Keep } from './keep.ts';
import { receivedKey } from './reduce.ts';
import type { Source } from './source.ts';
import type { OpenedMessage, Received, ReceivedKey } from './state.ts';
import type { Session } from './store.ts';

export interface ReadParts {
  readonly session: Session;
  readonly source: Source;
  readonly keep: Keep;
  readonly wait: (ms: number) => Promise<void>;
}

/** Writes the payload of an opened message into the sink and marks it accepted. Throws as `Client.payload`. */
export type ReadPayload = (received: Received, sink: PayloadSink, progress?: OnProgress) => Promise<void>;

/** Tries of a transfer that does not move. */
const tries = 4;
/** What says that the message is not what was signed. */
const refusing: readonly ErrorCode[] = ['payload_mismatch', 'open_failed', 'commitment_mismatch'];
/** What another try may mend. */
const passing: readonly ErrorCode[] = ['network_failed', 'payload_truncated'];

export function createReadPayload({ session, source, keep, wait }: ReadParts): ReadPayload {
  return async (received, sink, progress) => {
    const { opened } = received;
    const key = receivedKey(received);
    if (opened?.contentKey !== undefined && received.kept === 'kept')
      return await readKept(key, opened, sink, progress);
    if (opened === undefined || received.status !== 'opened') throw notReadable(received);
    if (isCover(received))
      throw new BeckonError('request_invalid', 'a cover has parts and no content of its own');
    const copy: Copy | undefined = (await keep.wants(opened)) ? { pieces: [] } : undefined;
    try {
      await transfer(received, opened, sink, { progress, copy });
    } catch (error) {
      await noteFailure(key, codeOf(error));
      throw error;
    }
    await sink.commit();
    const keptUntil = await kept(opened, copy);
    await session.commit({
      type: 'ended',
      key,
      status: 'accepted',
      ...(keptUntil === undefined ? {} : { keptUntil }),
    });
  };

  /** Only what came in one piece, from its first byte on, is there to be kept. */
  async function kept(opened: OpenedMessage, copy: Copy | undefined): Promise<number | undefined> {
    const size = copy?.pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (copy === undefined || size !== opened.payloadSize) return undefined;
    return await keep.keep(opened, session.keys().domain, copy.pieces);
  }

  async function readKept(
    key: ReceivedKey,
    opened: OpenedMessage,
    sink: PayloadSink,
    progress: OnProgress | undefined,
  ): Promise<void> {
    try {
      await keep.read(opened, session.keys().domain, sink, progress);
    } catch (error) {
      if (codeOf(error) === 'message_gone') await session.commit({ type: 'kept-ended', key });
      throw error;
    }
  }

  async function noteFailure(key: ReceivedKey, code: ErrorCode): Promise<void> {
    if (code === 'message_gone') await session.commit({ type: 'ended', key, status: 'expired' });
    if (refusing.includes(code)) await session.commit({ type: 'refused', key, code });
  }

  /** A kept part that turns out wrong is the sink's fault, not the sender's: then everything is fetched once more. */
  async function transfer(
    received: Received,
    opened: OpenedMessage,
    sink: PayloadSink,
    watching: Watching,
  ): Promise<void> {
    let failures = 0;
    let trusted = false;
    for (;;) {
      const before = await sink.size();
      try {
        await attempt(received, opened, sink, watching);
        return;
      } catch (error) {
        const code = codeOf(error);
        if (refusing.includes(code) && before > 0 && !trusted) {
          trusted = true;
          await sink.truncate(0);
          continue;
        }
        failures = (await sink.size()) > before ? 1 : failures + 1;
        if (!passing.includes(code) || failures === tries) throw error;
        await wait(500 * 2 ** failures);
      }
    }
  }

  async function attempt(
    received: Received,
    opened: OpenedMessage,
    sink: PayloadSink,
    { progress, copy }: Watching,
  ): Promise<void> {
    const { contentKey, ...expected } = expectedPayload(opened);
    const resumption = await resumptionOf(received, opened, sink);
    const start = resumption?.point.payloadOffset ?? 0;
    const fetched = await source.payload(received, opened, start);
    const resume = fetched.start === start ? resumption : undefined;
    let done = resume?.point.plaintextOffset ?? 0;
    if (resume === undefined) await sink.truncate(0);
    if (copy !== undefined) copy.pieces = [];
    const body = copy === undefined ? fetched.body : copied(fetched.body, copy);
    for await (const piece of decryptPayload(contentKey, body, expected, resume)) {
      await sink.write(piece);
      done += piece.length;
      progress?.({ part: 0, parts: 1, done, total: opened.length });
    }
  }

  /** Undefined where less than a chunk is there to go on from. */
  async function resumptionOf(
    received: Received,
    opened: OpenedMessage,
    sink: PayloadSink,
  ): Promise<Resumption | undefined> {
    const saved = await sink.size();
    const point = resumePoint(saved > opened.length ? 0 : saved);
    if (point.chunk === 0) return undefined;
    await sink.truncate(point.plaintextOffset);
    const header = await firstBytes((await source.payload(received, opened, 0)).body, CHUNKED_HEADER);
    return { point, header, saved: sink.read(point.plaintextOffset) };
  }
}

/** What came of a payload in the last attempt. */
interface Copy {
  pieces: Uint8Array[];
}

interface Watching {
  readonly progress: OnProgress | undefined;
  readonly copy: Copy | undefined;
}

async function* copied(body: AsyncIterable<Uint8Array>, copy: Copy): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    copy.pieces.push(piece.slice());
    yield piece;
  }
}

/** The first bytes of a stream, which is then left. Fewer where it ends before. */
async function firstBytes(source: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  for await (const piece of source) {
    const taken = piece.subarray(0, length - filled);
    bytes.set(taken, filled);
    filled += taken.length;
    if (filled === length) break;
  }
  return bytes.subarray(0, filled);
}

/** Why the content of a message that is not open cannot be read. */
function notReadable({ status, refusal, held }: Received): BeckonError {
  const code = (refusal ?? held) as ErrorCode | undefined;
  if (status === 'accepted')
    return new BeckonError('message_gone', 'it was accepted: the sender keeps it no more');
  if (code !== undefined) return new BeckonError(code, 'this message could not be opened');
  return new BeckonError('message_gone', `this message is ${status}`);
}
