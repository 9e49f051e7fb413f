/** Covers: which messages belong together, wire-spec/message.md section 6. */
import { base64urlnopad } from '@scure/base';
import { concat } from '../crypto/kdf.ts';
import { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { decodeCover } from '../message/cover.ts';
import { decryptPayload, type ExpectedPayload } from '../message/payload.ts';
import { isCover } from './belonging.ts';
import { isUnderWay, receivedKey } from './reduce.ts';
import { isHeld, type Source } from './source.ts';
import type { ClientEvent, ClientState, ListedPart, OpenedMessage, Received, ReceivedKey } from './state.ts';
import type { Session } from './store.ts';

/** The most bytes of a cover's plaintext that are read. */
const maxCover = 64 * 1024;

/** Opened covers whose list was not fetched yet. */
export function unlistedCovers(state: ClientState): readonly Received[] {
  return Object.values(state.received).filter(
    (received) => received.status === 'opened' && isCover(received) && received.opened?.parts === undefined,
  );
}

/** Opened covers of whose parts none is under way any more: they are accepted. */
export function settledCovers(state: ClientState): readonly ReceivedKey[] {
  return Object.values(state.received).flatMap((received) => {
    const { opened, pollKey } = received;
    const settled =
      received.status === 'opened' &&
      opened?.parts?.every(({ id }) => hasEnded(state.received[receivedKey({ pollKey, id })]));
    return settled === true ? [receivedKey(received)] : [];
  });
}

/** All parts are known from the listing on: one that is not there ended long ago. */
function hasEnded(part: Received | undefined): boolean {
  return part === undefined || !isUnderWay(part);
}

/** What decryption needs of an opened message. Throws `message_gone` for one that ended. */
export function expectedPayload(opened: OpenedMessage): ExpectedPayload & { readonly contentKey: Secret } {
  if (opened.contentKey === undefined)
    throw new BeckonError('message_gone', 'the key of the content is erased');
  return {
    contentKey: new Secret(base64urlnopad.decode(opened.contentKey)),
    plaintextLength: opened.length,
    plaintextHash: base64urlnopad.decode(opened.plaintextHash),
    payloadHash: base64urlnopad.decode(opened.payloadHash),
  };
}

/** Fetches an opened cover's list and writes it down; what goes wrong stands in the state. */
export type ListParts = (key: ReceivedKey) => Promise<void>;

export function createListParts(session: Session, source: Source): ListParts {
  return async (key) => {
    const received = session.state().received[key];
    if (received?.opened === undefined) return;
    await session.commit(await listing(received, received.opened));
  };

  async function listing(received: Received, opened: OpenedMessage): Promise<ClientEvent> {
    const key = receivedKey(received);
    try {
      return { type: 'parts-listed', key, parts: await fetchParts(received, opened) };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'storage_failed') throw error;
      const passing = isHeld(error) || code === 'network_failed' || code === 'internal';
      if (passing) return { type: 'held', key, code };
      return code === 'message_gone'
        ? { type: 'ended', key, status: 'expired' }
        : { type: 'refused', key, code };
    }
  }

  async function fetchParts(received: Received, opened: OpenedMessage): Promise<readonly ListedPart[]> {
    if (opened.length > maxCover)
      throw new BeckonError('cbor_too_large', 'the cover is larger than its limit');
    const fetched = await source.payload(received, opened, 0);
    const { contentKey, ...expected } = expectedPayload(opened);
    const pieces: Uint8Array[] = [];
    for await (const piece of decryptPayload(contentKey, fetched.body, expected)) pieces.push(piece);
    return decodeCover(concat(...pieces)).map((part) => ({
      id: bytesToJson(part.id),
      expires: part.expires,
      mediaType: part.mediaType,
      length: part.length,
      ...(part.fileName === undefined ? {} : { fileName: part.fileName }),
    }));
  }
}
