/** account.md, and what of fetch.md a client asks its own domain: enrol, submit, feed, poll, retract. */
import type { Bytes } from './cbor.ts';
import {
  asFields,
  base64url,
  bytesAt,
  decode,
  decodeFields,
  encode,
  listAt,
  numberAt,
  refuse,
  textAt,
  unbase64url,
  utf8,
} from './cbor.ts';
import { bucket, pollEntry, recipientHash } from './drops.ts';
import type { Send } from './http.ts';
import { root, signRequest } from './http.ts';
import { addressHash, newestActive, readInvitation, use } from './keys.ts';
import type { Ref } from './message.ts';
import { ed25519Public, random, sha256 } from './primitives.ts';

import type { OwnDrop, writeTo } from './client.ts';
import { binary, createDirectory, createPerson, good, introducedDrop } from './client.ts';
/** A user of a Beckon domain. */
export async function enrol(send: Send, invitation: string, now: () => number) {
  const { domain, local, token, fingerprint } = readInvitation(invitation);
  const person = createPerson(`${local}@${domain}`, now());
  const device = random(32);
  const account = (method: string, path: string, body: Uint8Array | null, type = 'application/json') => {
    const target = `${root}${path}`;
    const signed = signRequest(method, domain, target, body, device, now());
    return send(method, domain, target, body, { ...signed, ...(body && { 'content-type': type }) });
  };
  const json = async (method: string, path: string, content?: unknown) => {
    const answer = await good(
      account(method, path, content === undefined ? null : utf8(JSON.stringify(content))),
    );
    return JSON.parse(new TextDecoder().decode(answer.body)) as Record<string, unknown>;
  };
  const own = {
    token: base64url(token),
    record: base64url(person.inner),
    device: base64url(ed25519Public(device)),
  };
  const enrolled = await json('POST', 'account/enroll', own);
  refuse(enrolled['addressHash'] !== base64url(addressHash(person.address)), 'address hash');
  const directory = createDirectory(send, () => fingerprint, now);

  return {
    person,
    fingerprint,
    /** Section 4: an id to seal a message under. */
    async reserve(): Promise<Bytes> {
      const { ids } = await json('POST', 'account/reservations', { count: 1 });
      return unbase64url((ids as string[])[0] ?? '');
    },
    /** Sections 4 and 5: uploads and commits; returns the handle. */
    async submit(
      id: Uint8Array,
      destination: string,
      sealed: Awaited<ReturnType<typeof writeTo>>,
    ): Promise<string> {
      const upload = base64url(random(16));
      await json('PUT', `account/uploads/${upload}`, { size: sealed.payload.length });
      const part = account(
        'PUT',
        `account/uploads/${upload}/parts/0`,
        sealed.payload,
        'application/octet-stream',
      );
      await good(part);
      const { messages } = await json('POST', 'account/messages', {
        upload,
        payloadHash: base64url(sha256(sealed.payload)),
        messages: [
          {
            id: base64url(id),
            destination,
            recipientHash: base64url(sealed.pollHash),
            header: base64url(sealed.header),
            envelope: base64url(sealed.envelope),
            acceptTokenHash: base64url(sha256(sealed.acceptToken)),
            expires: sealed.expires,
            ...(sealed.introduction && { introduction: base64url(sealed.introduction) }),
          },
        ],
      });
      return (messages as { handle: string }[])[0]?.handle ?? '';
    },
    async state(handle: string): Promise<unknown> {
      return (await json('GET', `account/messages/${handle}`))['state'];
    },
    async retract(handle: string): Promise<unknown> {
      return (await json('POST', `account/messages/${handle}/retract`))['outcome'];
    },
    /** fetch.md section 5: the drops of those who introduced themselves. */
    async introductions() {
      const { bucketBits } = await directory.domain(domain);
      const { number } = bucket(person.addressingKey, domain, bucketBits);
      const query = bucketBits > 0 ? `?bucket=${number}` : '';
      const answer = await good(account('GET', `introductions${query}`, null));
      const entries = listAt(decodeFields(answer.body), 1).map(asFields);
      const opened = entries.map((entry) => introducedDrop(person, textAt(entry, 1), bytesAt(entry, 2, 178)));
      // Most of a feed is for others: what does not open is passed over.
      const settled = await Promise.allSettled(opened);
      return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    /** fetch.md section 4: the refs that wait for one drop. */
    async poll(drop: OwnDrop, done?: readonly Uint8Array[]) {
      const key = newestActive((await directory.domain(domain)).keys, use.poll, now());
      const request = { domain, keyId: key.id, time: now(), nonce: random(16) };
      const entry = pollEntry(request, drop.shared(key.key), drop.pollKey, { done });
      const body = encode(
        new Map<number, unknown>([
          [1, request.time],
          [2, request.nonce],
          [3, key.id],
          [4, [decode(entry)]],
        ]),
      );
      const answer = await good(send('POST', domain, `${root}poll`, body, binary));
      const [found] = listAt(decodeFields(answer.body), 1).map(asFields);
      return (found ? listAt(found, 1) : []).map((item) => {
        const fields = asFields(item);
        const ref: Ref = {
          id: bytesAt(fields, 1, 32),
          senderDomain: textAt(fields, 2),
          recipientDomain: domain,
          recipientHash: recipientHash(drop.pollKey, domain),
        };
        const labels = fields.has(6) ? asFields(fields.get(6)) : new Map<number, unknown>();
        return { ...ref, expires: numberAt(fields, 3), retraction: labels.get(2) === true };
      });
    },
  };
}
