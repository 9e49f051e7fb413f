/**
 * The messages of one sending, from what is noted of it; each step is noted before what follows from it leaves.
 *
 *  1. message ids are reserved: one for each part and recipient, one more for each cover
 *  2. each part is encrypted once while it is uploaded, from where an attempt before was cut off; a small one waits for its commit
 *  3. its letter is signed, a message sealed for each recipient, and their commit noted byte for byte
 *  4. they are committed: again, where nobody knows whether they were
 *  5. several parts: a cover for each recipient, its payload not shared, carries the introduction and comes last
 */
import { base64urlnopad } from '@scure/base';
import type { Random } from '../crypto/random.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { encodeCover } from '../message/cover.ts';
import { encryptPayload, payloadSize } from '../message/payload.ts';
import type { CoverPart } from '../wire/message.ts';
import { mediaTypes, sizes } from '../wire/registry.ts';
import {
  composeMessage,
  letterFor,
  type MessageFor,
  type Route,
  type Sender,
  type Uploaded,
} from './compose.ts';
import type { OwnDomain } from './own-domain.ts';
import type { Sent, SentPart } from './state.ts';
import type { ContentOf, OnProgress, OutgoingPart } from './send-api.ts';
import type { LeftBytes, NotedUpload, Unfinished, UnfinishedStore } from './unfinished.ts';
import { gatherPayload, uploadPayload, type Left } from './upload.ts';

export interface SendPartsParts {
  readonly unfinished: Pick<UnfinishedStore, 'save'>;
  readonly own: Pick<
    OwnDomain,
    'reserve' | 'openUpload' | 'uploadProgress' | 'writePart' | 'abandonUpload' | 'commit'
  >;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<void>;
  readonly partBytes?: number;
}

/** A sending under way. */
export interface Running {
  readonly sender: Sender;
  /** What it repeats. */
  readonly before: Sent | undefined;
  readonly routes: readonly Route[];
  readonly now: number;
  /** As it stands: what is on disk, and what was acknowledged since. */
  noted: Unfinished;
  readonly contentOf: ContentOf;
  readonly progress: OnProgress | undefined;
  /** Its ids and its upload may have ended at the domain meanwhile. */
  late: boolean;
}

/** What the recipient is to see first, and what is nothing without it. */
const coverOrWhole = { introduces: true, isPart: false };
const oneOfSeveral = { introduces: false, isPart: true };

/** Sends what is not sent yet; `noted` says what was. Throws network codes, and what the domain refuses. */
export function createSendParts(parts: SendPartsParts): (running: Running) => Promise<void> {
  const { unfinished, own, random } = parts;

  return async (running) => {
    const pieces = piecesOf(running);
    while (running.noted.done < pieces) {
      if (running.noted.composed === undefined) await compose(running);
      await commit(running);
    }
  };

  async function note(running: Running, change: Partial<Unfinished>): Promise<void> {
    const noted = { ...running.noted, ...change };
    await unfinished.save(noted);
    running.noted = noted;
  }

  /** The next messages that share a payload, noted. */
  async function compose(running: Running): Promise<void> {
    await reserveIds(running);
    const { noted, routes } = running;
    const cover = routes[noted.done - noted.parts.length];
    if (cover !== undefined)
      return await seal(running, await coverFor(running, cover), [cover], coverOrWhole);
    const payload = await uploadedPart(running, noted.done);
    checkAgain(running, noted.done, payload);
    await seal(running, payload, routes, noted.parts.length === 1 ? coverOrWhole : oneOfSeveral);
  }

  async function reserveIds(running: Running): Promise<void> {
    const { noted, routes } = running;
    const covers = noted.parts.length > 1 ? routes.length : 0;
    const left = Math.max(0, noted.parts.length - noted.done) * routes.length;
    const wanted = left + covers - Math.max(0, noted.done - noted.parts.length) - noted.ids.length;
    if (wanted <= 0) return;
    const ids = (await own.reserve(wanted)).map(bytesToJson);
    running.noted = { ...noted, ids: [...noted.ids, ...ids] };
  }

  /** One payload for all recipients. */
  async function uploadedPart(running: Running, index: number): Promise<Uploaded> {
    const part = running.noted.parts[index];
    if (part === undefined) throw new BeckonError('internal', 'a part that is not there is sent');
    const content = await running.contentOf(part);
    const whole = { ...part, ...content };
    const { upload: begun } = running.noted;
    if (begun !== undefined && content.length === part.length) {
      const payload = await uploaded(running, whole, begun);
      if (payload !== undefined) return payload;
    }
    if (begun !== undefined) await own.abandonUpload(base64urlnopad.decode(begun.id)).catch(() => undefined);
    const { noted } = running;
    const changed = noted.parts.map((one, at) => (at === index ? { ...one, length: content.length } : one));
    running.noted = { ...noted, parts: changed, upload: undefined };
    return await anew(running, whole);
  }

  /** Under a key of its own. A small payload goes with its commit: nothing of it leaves before that is noted. */
  async function anew(running: Running, part: OutgoingPart): Promise<Uploaded> {
    if (payloadSize(part.length) <= sizes.payloadInCommit) return await small(running, part);
    const payload = await uploaded(running, part, freshUpload());
    if (payload === undefined) throw new BeckonError('conflict', 'an upload that is new is known already');
    return payload;
  }

  async function small(running: Running, part: OutgoingPart): Promise<Uploaded> {
    const { mediaType, fileName, length } = part;
    const contentKey = new Secret(random(32));
    const { stream, result } = encryptPayload(contentKey, part.open(), length, random);
    const payload = await gatherPayload(stream, payloadSize(length));
    report(running, length, payload.length);
    const named = fileName === undefined ? {} : { fileName };
    return { ...result(), source: { payload }, contentKey, mediaType, ...named };
  }

  function freshUpload(): Omit<NotedUpload, 'left'> {
    return {
      id: bytesToJson(random(16)),
      contentKey: bytesToJson(random(32)),
      salt: bytesToJson(random(24)),
    };
  }

  /** Undefined where what was begun cannot go on: the content then needs another key. */
  async function uploaded(
    running: Running,
    part: OutgoingPart,
    begun: Omit<NotedUpload, 'left'> & { readonly left?: LeftBytes },
  ): Promise<Uploaded | undefined> {
    const { mediaType, fileName, length } = part;
    const contentKey = new Secret(base64urlnopad.decode(begun.contentKey));
    const salt = (): Uint8Array => base64urlnopad.decode(begun.salt);
    const id = base64urlnopad.decode(begun.id);
    const encryption = encryptPayload(contentKey, part.open(), length, salt);
    const complete = await uploadPayload(own, {
      id,
      size: payloadSize(length),
      stream: encryption.stream,
      ...(parts.partBytes === undefined ? {} : { partBytes: parts.partBytes }),
      progress: (done) => report(running, length, done),
      wait: parts.wait,
      notes: {
        ...(begun.left === undefined ? {} : { left: leftOf(begun.left) }),
        soFar: () => encryption.soFar(),
        note: (left) =>
          note(running, { upload: { ...begun, left: { ...left, hash: bytesToJson(left.hash) } } }),
      },
    });
    if (!complete) return undefined;
    const named = fileName === undefined ? {} : { fileName };
    return { ...encryption.result(), source: { upload: id }, contentKey, mediaType, ...named };
  }

  async function coverFor(running: Running, route: Route): Promise<Uploaded> {
    const listed = running.noted.sent.filter(({ to, mediaType }) => isPartFor(route, to, mediaType));
    const plaintext = encodeCover(listed.map(coverPartOf));
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield plaintext;
    };
    return await anew(running, { mediaType: mediaTypes.cover, length: plaintext.length, open });
  }

  /** Signs the letter and seals a message for each route. */
  async function seal(
    running: Running,
    payload: Uploaded,
    routes: readonly Route[],
    place: Pick<MessageFor, 'introduces' | 'isPart'>,
  ): Promise<void> {
    const { sender, noted, now } = running;
    const { parents, retracts, created } = noted;
    const { letterId, expires = noted.expires } = noted.parts[noted.done] ?? {};
    const id = letterId === undefined ? random(sizes.letterId) : base64urlnopad.decode(letterId);
    const letter = { id, signed: letterFor(sender, payload, { id, parents, retracts, created }) };
    const ids = noted.ids.map((text) => base64urlnopad.decode(text));
    const composed = routes.map((route) =>
      composeMessage({
        sender,
        route,
        messageId: taken(ids),
        letter,
        payload,
        ...place,
        now,
        expires,
        random,
      }),
    );
    const { source, payloadHash } = payload;
    const messages = composed.map(({ submitted }) => submitted);
    await note(running, {
      ids: ids.map(bytesToJson),
      upload: undefined,
      composed: { submission: { ...source, payloadHash, messages }, sent: composed.map(({ sent }) => sent) },
    });
  }

  async function commit(running: Running): Promise<void> {
    const { noted } = running;
    if (noted.composed === undefined) return;
    try {
      await own.commit(noted.composed.submission);
    } catch (error) {
      // Neither ids nor uploads are kept for longer than a day: this commit did not arrive, and another one takes its place.
      if (codeOf(error) !== 'conflict' || !running.late) throw error;
      running.late = false;
      return await note(running, { composed: undefined, ids: [] });
    }
    running.noted = {
      ...noted,
      composed: undefined,
      done: noted.done + 1,
      sent: [...noted.sent, ...noted.composed.sent],
    };
  }
}

function report({ noted, progress }: Running, length: number, done: number): void {
  const { done: part, parts } = noted;
  if (part < parts.length) progress?.({ part, parts: parts.length, done, total: payloadSize(length) });
}

/** How many commits there are. */
function piecesOf({ noted, routes }: Running): number {
  return noted.parts.length + (noted.parts.length > 1 ? routes.length : 0);
}

function isPartFor(route: Route, to: string, mediaType: string): boolean {
  return to === route.recipient.address && mediaType !== mediaTypes.cover;
}

function leftOf({ from, to, hash }: LeftBytes): Left {
  return { from, to, hash: base64urlnopad.decode(hash) };
}

/** Throws `payload_mismatch` where a part that is sent again has another content than before: one letter has one content. */
function checkAgain({ before }: Running, index: number, payload: Uploaded): void {
  if (before === undefined) return;
  const part = before.parts.find(({ letterId }) => letterId === before.letterIds[index]);
  const same =
    part?.plaintextHash === bytesToJson(payload.plaintextHash) &&
    part.mediaType === payload.mediaType &&
    part.fileName === payload.fileName;
  if (!same) throw new BeckonError('payload_mismatch', 'this is not what was sent before: nothing was sent');
}

function taken(ids: Uint8Array[]): Uint8Array {
  const id = ids.shift();
  if (id === undefined) throw new BeckonError('internal', 'fewer message ids than messages');
  return id;
}

function coverPartOf(sent: SentPart): CoverPart {
  const { messageId, expires, mediaType, length, fileName } = sent;
  const named = fileName === undefined ? {} : { fileName };
  return { id: base64urlnopad.decode(messageId), expires, mediaType, length, ...named };
}
