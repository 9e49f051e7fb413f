/** notification.md: datagrams of type 1 and their refs. */
import type { Bytes } from './cbor.ts';
import {
  bytesAt,
  concat,
  decodeFields,
  encodeFields,
  listAt,
  numberAt,
  plain,
  refuse,
  textAt,
} from './cbor.ts';
import type { Signer } from './primitives.ts';
import { context, open, pad, readSigned, seal, sign, unpad } from './primitives.ts';

export interface NotificationRef {
  readonly recipientHash: Uint8Array;
  readonly id: Uint8Array;
  readonly expires: number;
  readonly payloadSize: number;
  readonly introduction?: Uint8Array | undefined;
}

export const sizeClass = (size: number): number => {
  let c = 0;
  while (2 ** c < size) c++;
  return c;
};

export interface Receiver {
  readonly domain: string;
  readonly key: Uint8Array;
  readonly keyId: Uint8Array;
}

export function encodeNotification(
  sender: string,
  serial: number,
  time: number,
  refs: readonly NotificationRef[],
): Bytes {
  const list = refs.map((ref) => [
    ref.recipientHash,
    ref.id,
    ref.expires,
    sizeClass(ref.payloadSize),
    ...(ref.introduction ? [new Map([[1, ref.introduction]])] : []),
  ]);
  return encodeFields({ 1: sender, 2: serial, 3: time, 4: list });
}

export async function sealDatagram(
  notification: Uint8Array,
  signer: Signer,
  receiver: Receiver,
  randomness?: Uint8Array,
): Promise<Bytes> {
  const signed = sign(signer, 'notification', receiver.domain, notification);
  const size = signed.length + 2 <= 512 - 57 ? 512 : 1200;
  const head = concat(Uint8Array.of(0x11), receiver.keyId);
  const info = context('notification seal', receiver.domain);
  return concat(head, await seal('x25519', receiver.key, info, head, pad(signed, size - 57), randomness));
}

/** The signed object inside: whose it is, is not known before it is open. */
export async function openDatagram(datagram: Uint8Array, secret: Uint8Array, receiver: string) {
  refuse(datagram.length !== 512 && datagram.length !== 1200, 'datagram_size');
  refuse(datagram[0] !== 0x11, 'datagram_version');
  const info = context('notification seal', receiver);
  const signed = unpad(await open('x25519', secret, info, datagram.subarray(0, 9), datagram.subarray(9)));
  const { payload } = readSigned(signed);
  const fields = decodeFields(payload);
  return {
    signed,
    notification: payload,
    sender: textAt(fields, 1),
    time: numberAt(fields, 3),
    refs: (listAt(fields, 4) as unknown[][]).map(readRef),
  };
}

function readRef(item: readonly unknown[]) {
  const [recipientHash, id, expires, , labels] = item as [
    Uint8Array,
    Uint8Array,
    number,
    number,
    Map<number, unknown>?,
  ];
  return {
    recipientHash: plain(recipientHash),
    id: plain(id),
    expires,
    introduction: labels?.has(1) ? bytesAt(labels, 1, 178) : null,
    retraction: labels?.get(2) === true,
  };
}
