/**
 * Where a message is read from.
 *
 *  1. the copy that the own domain pulled, where there is one: then the sender's domain does not see when and from where the user reads
 *  2. the sender's domain, where there is none, or none any more
 */
import { base64urlnopad } from '@scure/base';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import type { NativePeer } from '../directory/domain-lookup.ts';
import type { Fetched } from '../directory/remote.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { proveBlind } from '../message/poll-proof.ts';
import { blindRequest, type BlindRequest } from '../wire/blind.ts';
import { maxMessageObject } from '../wire/message.ts';
import { mediaTypes } from '../wire/registry.ts';
import { encode } from '../wire/schema.ts';
import type { ClientNetwork } from './api.ts';
import { ownerOf } from './own-drops.ts';
import type { StreamOwn } from './own-request.ts';
import { withPollKey } from './poll-key.ts';
import type { OpenedMessage, Received } from './state.ts';
import type { Session } from './store.ts';

/** It may succeed later: the message stays waiting. */
export class Held extends BeckonError {}

export function isHeld(error: unknown): boolean {
  return error instanceof Held;
}

export interface FoundObject {
  readonly bytes: Uint8Array;
  /** It is the own domain's copy: the sender's may be gone. */
  readonly isCopy: boolean;
}

export interface FoundPayload {
  /** Where the bytes begin: as asked for, or 0. */
  readonly start: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Both throw `message_gone`, or an error that holds the message. */
export interface Source {
  object(received: Received): Promise<FoundObject>;
  payload(received: Received, opened: OpenedMessage, start: number): Promise<FoundPayload>;
}

export interface SourceParts {
  readonly session: Session;
  readonly network: Pick<ClientNetwork, 'domains' | 'remote'>;
  readonly stream: StreamOwn;
  readonly clock: Clock;
  readonly random: Random;
}

export function createSource(parts: SourceParts): Source {
  const { session, network, stream, clock } = parts;

  /** Of the own domain, with the proof of the drop's owner. Throws `message_gone`, or an error that holds the message. */
  async function ofCopy(
    { pollKey, id, senderDomain: sender }: Received,
    what: { readonly path: '' | '/payload'; readonly answer: string; readonly start?: number },
    maxBytes: number,
  ): Promise<AsyncIterable<Uint8Array>> {
    const state = session.state();
    const drop = state.drops[pollKey];
    const owner = drop && ownerOf(pollKey, drop, state, session.keys());
    if (owner === undefined) throw new BeckonError('message_gone', 'the drop is forgotten');
    try {
      return await withPollKey(parts, ({ key, ...occasion }) => {
        const { time, nonce, keyId } = occasion;
        const entry = proveBlind(owner, key, occasion, { sender, id: base64urlnopad.decode(id) });
        const { start = 0 } = what;
        const asked: BlindRequest = { time, nonce, keyId, entry, ...(start === 0 ? {} : { start }) };
        const body = { type: mediaTypes.beckon, bytes: encode(blindRequest, asked) };
        const { answer } = what;
        const path = `blind/${id}${what.path}`;
        return stream({ method: 'POST', path, body, answer, maxBytes }, new AbortController().signal);
      });
    } catch (error) {
      const code = codeOf(error);
      if (['message_gone', 'unsupported'].includes(code))
        throw new BeckonError('message_gone', 'the own domain has no copy any more', { cause: error });
      throw new Held(code, 'the own domain cannot hand out its copy now', { cause: error });
    }
  }

  /** The copy, where the ref said that there is one; `undefined` where the sender's domain is to be asked. */
  async function fromCopy<T>(received: Received, read: () => Promise<T>): Promise<T | undefined> {
    const now = clock.seconds();
    if ((received.blind ?? 0) <= now) return undefined;
    try {
      return await read();
    } catch (error) {
      if (codeOf(error) !== 'message_gone' || received.expires <= now) throw error;
      return undefined;
    }
  }

  return {
    async object(received) {
      const answer = mediaTypes.beckon;
      const copy = await fromCopy(received, async () =>
        gathered(await ofCopy(received, { path: '', answer }, maxMessageObject)),
      );
      if (copy !== undefined) return { bytes: copy, isCopy: true };
      const peer = await reach(network, received.senderDomain);
      const fetched = await network.remote.fetchMessage(peer, base64urlnopad.decode(received.id));
      return { bytes: foundOf(fetched), isCopy: false };
    },
    async payload(received, { payloadHash, payloadSize: size }, start) {
      const answer = 'application/octet-stream';
      const copy = await fromCopy(received, () =>
        ofCopy(received, { path: '/payload', answer, start }, size - start),
      );
      if (copy !== undefined) return { start, body: copy };
      const peer = await reach(network, received.senderDomain);
      const request = { start, hash: base64urlnopad.decode(payloadHash), size };
      const fetched = await network.remote.fetchPayload(peer, base64urlnopad.decode(received.id), request);
      if (fetched.kind !== 'found') throw notFetched(fetched);
      return fetched;
    },
  };
}

async function gathered(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const bytes: number[] = [];
  for await (const piece of body) bytes.push(...piece);
  return Uint8Array.from(bytes);
}

/** The domain of a sender. Throws an error that holds the message where it cannot be asked now. */
export async function reach(network: Pick<ClientNetwork, 'domains'>, domain: string): Promise<NativePeer> {
  const outcome = await network.domains.domain(domain);
  if (outcome.kind === 'native') return outcome;
  const code: ErrorCode = outcome.kind === 'changed' ? 'trust_changed' : 'discovery_later';
  throw new Held(code, 'the domain of the sender cannot be asked now');
}

/** The bytes of an answer. Throws `message_gone`, or an error that holds the message. */
export function foundOf(fetched: Fetched): Uint8Array {
  if (fetched.kind === 'found') return fetched.bytes;
  throw notFetched(fetched);
}

/** Why a fetch gave nothing: `message_gone`, else `network_failed`, `tls_failed` or `unavailable`, which hold the message. */
export function notFetched(fetched: Exclude<Fetched, { kind: 'found' }>): BeckonError {
  if (fetched.kind === 'gone')
    return new BeckonError('message_gone', 'the domain of the sender has it no more');
  const codes: readonly ErrorCode[] = ['network_failed', 'tls_failed', 'network_refused'];
  const code = codes.find((known) => known === fetched.reason) ?? 'unavailable';
  return new Held(code, `the domain of the sender could not serve it now: ${fetched.reason}`);
}
