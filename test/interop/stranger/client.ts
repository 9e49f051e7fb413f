/** account.md and fetch.md from a client's side: enrol, submit, feed, poll, fetch, accept, retract. */
import type { Bytes } from './cbor.ts';
import { base64url, bytesAt, decodeFields, encodeFields, refuse } from './cbor.ts';
import { bucket, introductionDrop, openIntroduction, recipientHash, sealIntroduction } from './drops.ts';
import type { Introduction } from './drops.ts';
import type { Answer, Send } from './http.ts';
import { root } from './http.ts';
import type { DomainRecord, UserRecord } from './keys.ts';
import {
  addressHash,
  domainOf,
  identityFingerprint,
  keyId,
  newestActive,
  use,
  verifyDomainRecord,
  verifyUserAnswer,
  verifyUserRecord,
} from './keys.ts';
import { makeUserRecord } from './made-records.ts';
import type { Kind, OpenedMessage, Ref, ReplyDrop } from './message.ts';
import { openMessage, sealMessage } from './message.ts';
import { ed25519Public, exchange, publicOf, random, sha256 } from './primitives.ts';

/** What a drop's owner needs: the shared secret of a poll key with the domain's, and the sealing key's seed. */
export interface OwnDrop {
  readonly pollKey: Uint8Array;
  readonly sealingSeed: Uint8Array;
  shared(domainKey: Uint8Array): Bytes;
}

/** A user's secrets, and the records made of them. */
export function createPerson(address: string, now: number) {
  const identitySeed = random(32);
  const addressingSecret = random(32);
  const sealingSeed = random(32);
  const identityKey = ed25519Public(identitySeed);
  const addressingKey = publicOf('x25519', addressingSecret);
  const keys = [
    { use: use.addressing, key: addressingKey },
    { use: use.sealing, key: publicOf('xwing', sealingSeed) },
  ];
  const inner = makeUserRecord(address, identitySeed, keys, now);
  const domain = domainOf(address);
  return {
    address,
    domain,
    inner,
    addressingSecret,
    addressingKey,
    sealingSeed,
    fingerprint: identityFingerprint(identityKey),
    signer: { seed: identitySeed, keyId: keyId(domain, use.userIdentity, identityKey) },
    record: verifyUserRecord(inner, address, now),
  };
}

export type Person = ReturnType<typeof createPerson>;

export interface Directory {
  domain(domain: string): Promise<DomainRecord>;
  user(address: string): Promise<UserRecord>;
}

/** @param fingerprints what TXT says of a domain */
export function createDirectory(
  send: Send,
  fingerprints: (domain: string) => Uint8Array,
  now: () => number,
): Directory {
  const directory: Directory = {
    async domain(domain) {
      const answer = await good(send('GET', domain, `${root}domains/${domain}`));
      return verifyDomainRecord(bytesAt(decodeFields(answer.body), 1), domain, [fingerprints(domain)], now());
    },
    async user(address) {
      const domain = domainOf(address);
      const path = `${root}users/${domain}/${base64url(addressHash(address))}`;
      const answer = await good(send('GET', domain, path));
      const record = verifyUserAnswer(answer.body, await directory.domain(domain), address, now());
      if (!record) throw new Error('by mail');
      return record;
    },
  };
  return directory;
}

export async function good(sent: Promise<Answer>): Promise<Answer> {
  const answer = await sent;
  if (answer.status >= 300) throw new Error(`${answer.status} ${new TextDecoder().decode(answer.body)}`);
  return answer;
}

/** Sealed to a recipient: what a domain is given to keep. */
export async function writeTo(
  person: Person,
  to: { record: UserRecord; domain: DomainRecord; drop: ReplyDrop | null },
  id: Uint8Array,
  text: Uint8Array,
  replyDrop: ReplyDrop | null,
  now: number,
  what: Kind = {},
) {
  const domain = to.domain.domain;
  const envelopeKey = newestActive(to.domain.keys, use.envelope, now);
  const first = to.drop ? null : await introduce(person, to.record, to.domain, now);
  const sealingKey = to.drop?.sealingKey ?? newestActive(to.record.keys, use.sealing, now).key;
  const pollHash = recipientHash(to.drop?.pollKey ?? first?.pollKey ?? new Uint8Array(), domain);
  const author = { ...person, signer: person.signer };
  const target = { record: to.record, domain, envelopeKey, pollHash, sealingKey };
  const sealed = await sealMessage(author, target, id, text, replyDrop, now, what);
  return { ...sealed, pollHash, introduction: first?.introduction };
}

async function introduce(person: Person, record: UserRecord, domain: DomainRecord, now: number) {
  const recipientKey = newestActive(record.keys, use.addressing, now).key;
  const about: Introduction = {
    senderHash: addressHash(person.address),
    senderKey: person.addressingKey,
    senderFingerprint: person.fingerprint,
    recipientHash: addressHash(record.address),
    recipientKey,
    recipientDomain: domain.domain,
  };
  const { pollKey } = introductionDrop(person.addressingSecret, 'sender', about);
  const senderLocal = person.address.slice(0, person.address.lastIndexOf('@'));
  const introduction = await sealIntroduction(
    { ...about, senderLocal, senderDomain: person.domain },
    {
      recipientKey,
      recipientDomain: domain.domain,
      bucketField: bucket(recipientKey, domain.domain, domain.bucketBits).field,
    },
  );
  return { pollKey, introduction };
}

export function createOwnDrop(): OwnDrop & { readonly handedOver: ReplyDrop } {
  const scalar = random(32);
  const sealingSeed = random(32);
  const pollKey = publicOf('x25519', scalar);
  return {
    pollKey,
    sealingSeed,
    shared: (domainKey) => exchange(scalar, domainKey),
    handedOver: { pollKey, sealingKey: publicOf('xwing', sealingSeed) },
  };
}

/** Fetches, opens and verifies; the content comes with it. */
export async function fetchMessage(
  send: Send,
  directory: Directory,
  person: Person,
  ref: Ref,
  secret: Uint8Array,
) {
  const path = `${root}m/${base64url(ref.id)}`;
  const opened = await openMessage((await good(send('GET', ref.senderDomain, path))).body, ref, [secret]);
  const sender = await directory.user(opened.sender);
  opened.verify(sender, person.record);
  const payload = await good(send('GET', ref.senderDomain, `${path}/payload`));
  refuse(payload.etag !== `"${base64url(sha256(payload.body))}"`, 'etag');
  return { opened, sender, content: opened.content(payload.body) };
}

export async function accept(send: Send, ref: Ref, opened: OpenedMessage): Promise<number> {
  const body = encodeFields({ 1: ref.id, 2: opened.acceptToken });
  return (await send('POST', ref.senderDomain, `${root}m/${base64url(ref.id)}/accept`, body, binary)).status;
}

export const binary = { 'content-type': 'application/beckon+cbor' };

export async function introducedDrop(person: Person, senderDomain: string, bytes: Uint8Array) {
  const { senderAddress, senderKey, senderFingerprint } = await openIntroduction(
    bytes,
    person.addressingSecret,
    senderDomain,
    person.domain,
  );
  const { s, pollKey } = introductionDrop(person.addressingSecret, 'recipient', {
    senderHash: addressHash(senderAddress),
    senderKey,
    senderFingerprint,
    recipientHash: addressHash(person.address),
    recipientKey: person.addressingKey,
    recipientDomain: person.domain,
  });
  const shared = (domainKey: Uint8Array): Bytes => exchange(person.addressingSecret, exchange(s, domainKey));
  return { senderAddress, senderFingerprint, pollKey, sealingSeed: person.sealingSeed, shared };
}
