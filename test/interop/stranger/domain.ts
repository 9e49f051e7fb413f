/** A domain of one user: keeps messages, tells of them by UDP, and listens for notifications. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bytes } from './cbor.ts';
import { base64url, bytesAt, decodeFields, encode, encodeFields, same } from './cbor.ts';
import type { Person } from './client.ts';
import { root } from './http.ts';
import type { DomainRecord } from './keys.ts';
import { addressHash, keyId, newestActive, use } from './keys.ts';
import { makeDomainRecord, makeListing } from './made-records.ts';
import type { SealedMessage } from './message.ts';
import { encodeNotification, openDatagram, sealDatagram } from './notification.ts';
import type { NotificationRef } from './notification.ts';
import { ed25519Public, publicOf, random, sha256 } from './primitives.ts';

type Kept = SealedMessage & { accepted: boolean };
type Opened = Awaited<ReturnType<typeof openDatagram>>;

/** Starts it on loopback. @param person its user @param tls a certificate for `beckon.<domain>` */
export async function startDomain(person: Person, tls: { key: string; cert: string }, now: number) {
  const { domain } = person;
  const identitySeed = random(32);
  const secrets = { notification: random(32), envelope: random(32), poll: random(32) };
  const signingSeed = random(32);
  const signer = { seed: signingSeed, keyId: keyId(domain, use.domainSigning, ed25519Public(signingSeed)) };
  const keys = [
    { use: use.notification, key: publicOf('x25519', secrets.notification) },
    { use: use.envelope, key: publicOf('xwing', secrets.envelope) },
    { use: use.poll, key: publicOf('x25519', secrets.poll) },
  ];
  const record = makeDomainRecord(domain, identitySeed, signer, keys, now);
  const listing = makeListing(domain, person.address, person.inner, signer, now);
  const kept = new Map<string, Kept>();
  const heard: Opened[] = [];

  const udp = createSocket('udp4');
  udp.on(
    'message',
    (datagram) => void openDatagram(datagram, secrets.notification, domain).then((one) => heard.push(one)),
  );
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');

  const server = createServer({ ...tls, minVersion: 'TLSv1.3' }, (request, response) => {
    void readBody(request).then((body) => {
      answer(request.method ?? '', request.url ?? '', body, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function answer(method: string, url: string, body: Uint8Array, response: ServerResponse): void {
    if (url === `${root}domains/${domain}`)
      send(
        response,
        200,
        encode(
          new Map<number, unknown>([
            [1, record],
            [2, []],
          ]),
        ),
      );
    else if (url === `${root}users/${domain}/${base64url(addressHash(person.address))}`)
      send(response, 200, listing);
    else answerMessage(method, url, body, response);
  }

  function answerMessage(method: string, url: string, body: Uint8Array, response: ServerResponse): void {
    const [, id = '', part = ''] =
      /^\/\.well-known\/beckon\/m\/([\w-]+)(\/payload|\/accept)?$/u.exec(url) ?? [];
    const message = kept.get(id);
    if (!message) send(response, 404, encodeFields({ 1: 'message_gone', 2: '' }));
    else if (part === '/payload') {
      response.setHeader('etag', `"${base64url(sha256(message.payload))}"`);
      response.setHeader('accept-ranges', 'bytes');
      send(response, 200, message.payload, 'application/octet-stream');
    } else if (part === '') send(response, 200, encodeFields({ 1: message.header, 2: message.envelope }));
    else {
      message.accepted = method === 'POST' && same(bytesAt(decodeFields(body), 2), message.acceptToken);
      send(response, message.accepted ? 204 : 404, new Uint8Array());
    }
  }

  return {
    domain,
    /** What TXT says. */
    fingerprint: sha256(ed25519Public(identitySeed)),
    https: (server.address() as AddressInfo).port,
    udp: udp.address().port,
    /** The notifications that came, opened. */
    heard: heard as readonly Opened[],
    accepted: (id: Uint8Array): boolean => kept.get(base64url(id))?.accepted ?? false,
    /** Keeps a message and sends one notification to the receiving domain. */
    async keep(
      id: Bytes,
      sealed: SealedMessage,
      ref: Pick<NotificationRef, 'recipientHash' | 'introduction'>,
      to: DomainRecord,
      port: number,
    ) {
      kept.set(base64url(id), { ...sealed, accepted: false });
      const key = newestActive(to.keys, use.notification, now);
      const refs = [{ ...ref, id, expires: sealed.expires, payloadSize: sealed.payload.length }];
      const notification = encodeNotification(domain, now, now, refs);
      const datagram = await sealDatagram(notification, signer, {
        domain: to.domain,
        key: key.key,
        keyId: key.id,
      });
      udp.send(datagram, port, '127.0.0.1');
    },
    async close(): Promise<void> {
      udp.close();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

function send(
  response: ServerResponse,
  status: number,
  body: Uint8Array,
  type = 'application/beckon+cbor',
): void {
  response.statusCode = status;
  if (body.length > 0) response.setHeader('content-type', type).setHeader('content-length', body.length);
  response.end(body);
}
