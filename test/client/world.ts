/**
 * Domains in memory, for clients under test: real keys, records, signatures and proofs on both ends, without sockets and stores.
 * What a test needs to break is a hook.
 */
import { base64urlnopad } from '@scure/base';
import type { ClientNetwork, TextFile } from '../../src/client/api.ts';
import { createClient } from '../../src/client/index.ts';
import type { Client } from '../../src/client/index.ts';
import type { Random } from '../../src/crypto/random.ts';
import { concat, sha256 } from '../../src/crypto/kdf.ts';
import { domainTrust, userTrust } from '../../src/directory/trust.ts';
import type { Later } from '../../src/directory/remote.ts';
import type { NativePeer } from '../../src/directory/domain-lookup.ts';
import type { UserOutcome } from '../../src/directory/user-lookup.ts';
import { BeckonError, codeOf } from '../../src/errors.ts';
import { createDomainKeys } from '../../src/keys/domain-keys.ts';
import { signDomainRecord, verifyDomainRecord } from '../../src/keys/domain-record.ts';
import { addressHash, recordFingerprint, traceHandle } from '../../src/keys/fingerprints.ts';
import { findKey } from '../../src/keys/key-pair.ts';
import { encodeUserAnswer, signListing, verifyListing, type UserStatus } from '../../src/keys/user-answer.ts';
import { verifyInnerRecord } from '../../src/keys/user-record.ts';
import { recipientHash } from '../../src/message/drops.ts';
import { verifyRequest } from '../../src/message/http-signature.ts';
import { verifyPollProof } from '../../src/message/poll-proof.ts';
import type { HttpsRequest } from '../../src/outbound/https.ts';
import { splitAddress } from '../../src/wire/address.ts';
import {
  feedResponse,
  pollRequest,
  pollResponse,
  type FeedEntry,
  type PollRef,
} from '../../src/wire/collect.ts';
import { formatInvitation } from '../../src/wire/invitation.ts';
import { messageObject } from '../../src/wire/message.ts';
import { sizeClass } from '../../src/wire/padding.ts';
import { mediaTypes, publicPath } from '../../src/wire/registry.ts';
import { decode, encode } from '../../src/wire/schema.ts';
import { decodeSign1 } from '../../src/wire/sign1.ts';
import { userRecord } from '../../src/wire/users.ts';
import { answerAboutDevices, devicesOf, type Devices, type States, type Tagged } from './world-devices.ts';
import { testClock, type TestClock } from '../support/clock.ts';
import { now, seededRandom } from '../support/identities.ts';

const b64 = base64urlnopad.encode;
const bytesOf = base64urlnopad.decode;

export interface StoredMessage {
  readonly id: Uint8Array;
  readonly from: string;
  readonly destination: string;
  readonly recipientHash: Uint8Array;
  header: Uint8Array;
  envelope: Uint8Array;
  payload: Uint8Array;
  readonly payloadHash: Uint8Array;
  readonly acceptTokenHash: Uint8Array;
  readonly expires: number;
  readonly introduction?: Uint8Array;
  state: 'stored' | 'accepted' | 'withdrawn' | 'expired';
  fetched: boolean;
}

interface Pending {
  readonly hash: string;
  ref: PollRef;
}

export interface World {
  readonly clock: TestClock;
  readonly domains: ReadonlyMap<string, TestHome>;
  /** Every request to an own domain: method and path. */
  readonly requests: string[];
  /** What domains were asked for messages, payloads and accepts. */
  readonly fetches: string[];
  /** Called before a request is answered; what it throws is the failure. */
  before: (request: HttpsRequest) => void;
  /** Called after a request was carried out; what it throws is a lost answer. */
  after: (request: HttpsRequest) => void;
  /** Called before a fetch; what it gives is the outcome. */
  fetch: (what: 'message' | 'payload' | 'accept') => Later | undefined;
  /** Whether payloads are served from where they are asked for. */
  ranges: boolean;
  /** Payload bytes after which a transfer breaks, once. */
  breakAfter: number | undefined;
  /** What a domain shows to whoever asks for a listing, in the place of the truth; `gone` where it says that there is none. */
  listing: (address: Uint8Array, truth: Shown) => Shown | 'gone' | Later;
  /** Answers of the directory that differ from the truth, by address or domain; `stale ADDRESS` until it is read again. */
  readonly outcomes: Map<string, unknown>;
  message(handle: string): StoredMessage;
  messages(): readonly StoredMessage[];
  addUser(local: string, domain: string): Promise<TestClient>;
  client(files: ClientFiles, name: string): Promise<Client>;
  /** For a client that a test makes itself. */
  network(): ClientNetwork;
}

/** What a listing is made of. */
export interface Shown {
  readonly record: Uint8Array;
  readonly status?: UserStatus;
  readonly escrow?: boolean;
}

export interface ClientFiles {
  readonly state: MemoryFile;
  readonly secrets: MemoryFile;
  readonly sending?: MemoryFile;
}

export interface TestClient extends ClientFiles {
  readonly address: string;
  readonly client: Client;
  /** The same user in a new process. */
  restart(): Promise<TestClient>;
}

export interface MemoryFile extends TextFile {
  text: string | undefined;
  writes: number;
  /** The next write fails. */
  fail: boolean;
}

export function memoryFile(text?: string): MemoryFile {
  return {
    text,
    writes: 0,
    fail: false,
    async read() {
      return this.text;
    },
    async write(next) {
      if (this.fail) throw new BeckonError('storage_failed', 'the disk is full');
      this.text = next;
      this.writes++;
    },
  };
}

type TestHome = ReturnType<typeof createHome>;

function createHome(domain: string, random: Random) {
  const { keys } = createDomainKeys(domain, now, random);
  const record = signDomainRecord({ keys, serial: now, contact: `abuse@${domain}`, now });
  return {
    domain,
    keys,
    verified: verifyDomainRecord(record, { domain, fingerprints: [keys.fingerprint], now }),
    random,
    invitations: new Map<string, string>(),
    users: new Map<string, { readonly record: Uint8Array; readonly device: string }>(),
    /** By address hash: what they are, and the address hash of whose they are. */
    aliases: new Map<string, { readonly address: string; readonly of: string }>(),
    devices: new Map() as Devices,
    states: new Map() as States,
    /** For how many seconds it keeps ciphertext, and what, by name. */
    keep: 0,
    kept: new Map<string, Uint8Array>(),
    /** Sealed contact cards by id. */
    cards: new Map<string, Uint8Array>(),
    /** Address hashes whose user is invited anew. */
    replaced: new Set<string>(),
    reserved: new Set<string>(),
    uploads: new Map<string, { readonly size: number; bytes: Uint8Array }>(),
    messages: [] as StoredMessage[],
    pending: [] as Pending[],
    feed: [] as FeedEntry[],
  };
}

export function createWorld(...names: readonly string[]): World {
  const clock = testClock(now);
  const random = seededRandom(names.join());
  const domains = new Map(names.map((name) => [name, createHome(name, random)]));
  const world: World = {
    clock,
    domains,
    requests: [],
    fetches: [],
    before: () => {},
    after: () => {},
    fetch: () => undefined,
    listing: (_address, truth) => truth,
    ranges: true,
    breakAfter: undefined,
    outcomes: new Map(),
    messages: () => [...domains.values()].flatMap(({ messages }) => messages),
    message(handle) {
      const found = world.messages().find(({ id }) => traceHandle(id) === handle);
      if (found === undefined) throw new Error('no such message');
      return found;
    },
    async addUser(local, domain) {
      const files = { state: memoryFile(), secrets: memoryFile(), sending: memoryFile() };
      const client = await world.client(files, local);
      await client.enroll(invite(world, local, domain));
      return testClient(world, files, local, `${local}@${domain}`, client);
    },
    network: () => network(world),
    client: (files, name) =>
      createClient({
        ...files,
        connect: world.network,
        clock,
        random: seededRandom(`${name} ${files.state.writes}`),
        wait: async () => {},
        partBytes: 20_000,
      }),
  };
  return world;
}

function testClient(
  world: World,
  files: ClientFiles,
  name: string,
  address: string,
  client: Client,
): TestClient {
  return {
    ...files,
    address,
    client,
    restart: async () => testClient(world, files, name, address, await world.client(files, name)),
  };
}

export function homeOf(world: World, domain: string): TestHome {
  const home = world.domains.get(domain);
  if (home === undefined) throw new Error('no such domain');
  return home;
}

export function invite(world: World, local: string, domain: string, fingerprint?: Uint8Array): string {
  const home = homeOf(world, domain);
  const token = home.random(16);
  home.invitations.set(b64(token), b64(addressHash(`${local}@${domain}`)));
  return formatInvitation({ local, domain, token, fingerprint: fingerprint ?? home.keys.fingerprint });
}

function network(world: World): ClientNetwork {
  const pins = new Map<string, string>();
  const domain: ClientNetwork['domains']['domain'] = async (name) => {
    const other = world.outcomes.get(name);
    if (other !== undefined) return other as NativePeer;
    const home = world.domains.get(name);
    const pin = pins.get(name);
    if (home === undefined) return { kind: 'none', reason: 'no_such_domain' };
    if (pin !== undefined && pin !== b64(home.keys.fingerprint))
      return { kind: 'later', reason: 'fingerprint_mismatch' };
    return peerOf(home);
  };
  return {
    domains: {
      domain,
      refresh: domain,
      confirm: async (name, fingerprint) => void pins.set(name, b64(fingerprint)),
      acceptChange: async (name) => void world.outcomes.delete(name),
      pin: async () => undefined,
    },
    users: {
      user: async (address) => userOutcome(world, address),
      expire: async (address) => void world.outcomes.delete(`stale ${address}`),
      pin: async () => undefined,
      confirm: async () => {},
      acceptChange: async (address) => void world.outcomes.delete(address),
      acceptMail: async () => {},
      answered: async () => {},
      vouched: async () => {},
      lastSeen: async () => undefined,
      acknowledge: async () => {},
    },
    https: {
      request: (request) => answer(world, request),
      stream: () => Promise.reject(new BeckonError('unsupported', 'this world tells nothing by itself')),
    },
    remote: {
      async fetchCard(peer, id) {
        world.fetches.push(`card ${peer.domain}`);
        const bytes = homeOf(world, peer.domain).cards.get(b64(id));
        return bytes === undefined ? { kind: 'gone', code: 'not_found' } : { kind: 'found', bytes };
      },
      async fetchMessage(peer, id) {
        world.fetches.push(`message ${peer.domain}`);
        const failure = world.fetch('message');
        if (failure !== undefined) return failure;
        const message = live(world, peer.domain, id);
        if (message === undefined) return { kind: 'gone', code: 'message_gone' };
        message.fetched = true;
        return { kind: 'found', bytes: encode(messageObject, message) };
      },
      async getUserAnswer(peer, hash) {
        const home = homeOf(world, peer.domain);
        const user = home.users.get(b64(hash));
        if (user === undefined) return { kind: 'gone', code: 'user_unknown' };
        const shown = world.listing(hash, { record: user.record });
        if (shown === 'gone') return { kind: 'gone', code: 'user_unknown' };
        if ('kind' in shown) return shown;
        const { record: inner, ...more } = shown;
        const listing = signListing({
          keys: home.keys,
          addressHash: hash,
          inner,
          ...more,
          now: world.clock.seconds(),
        });
        return { kind: 'found', bytes: encodeUserAnswer({ listing }) };
      },
      async fetchPayload(peer, id, { start = 0, size }) {
        world.fetches.push(`payload ${peer.domain} ${start}`);
        const failure = world.fetch('payload');
        if (failure !== undefined) return failure;
        const message = live(world, peer.domain, id);
        if (message === undefined) return { kind: 'gone', code: 'message_gone' };
        if (message.payload.length !== size) throw new Error('the size is not what was promised');
        const from = world.ranges ? start : 0;
        return { kind: 'found', start: from, body: pieces(world, message.payload.subarray(from)) };
      },
      async accept(peer, id, token) {
        world.fetches.push(`accept ${peer.domain}`);
        const failure = world.fetch('accept');
        if (failure !== undefined) return failure;
        const message = live(world, peer.domain, id);
        if (message === undefined || b64(message.acceptTokenHash) !== b64(sha256(token)))
          return { kind: 'gone', code: 'message_gone' };
        message.state = 'accepted';
        return { kind: 'accepted' };
      },
    },
    close: async () => {},
  };
}

async function* pieces(world: World, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7000) {
    if (world.breakAfter !== undefined && at > world.breakAfter) {
      world.breakAfter = undefined;
      throw new BeckonError('network_failed', 'the line broke');
    }
    yield bytes.slice(at, at + 7000);
  }
}

function live(world: World, domain: string, id: Uint8Array): StoredMessage | undefined {
  return homeOf(world, domain).messages.find(
    (message) =>
      b64(message.id) === b64(id) && message.state === 'stored' && message.expires > world.clock.seconds(),
  );
}

function peerOf(home: TestHome): NativePeer {
  const evidence = { compared: false, txtMatches: true, dnssec: false, pinnedBefore: true };
  return {
    kind: 'native',
    domain: home.domain,
    record: home.verified,
    targets: [{ host: 'localhost', port: 1 }],
    udpTargets: [],
    trust: domainTrust(evidence),
    fetched: now,
    stale: false,
    history: [],
    leaving: false,
  };
}

function userOutcome(world: World, address: string): UserOutcome {
  const other = world.outcomes.get(`stale ${address}`) ?? world.outcomes.get(address);
  return other === undefined ? listed(world, address) : (other as UserOutcome);
}

/** What the directory makes of a listing: of `record`, where that is another than the domain has. */
export function listed(world: World, address: string, record?: Uint8Array): UserOutcome {
  const home = world.domains.get(splitAddress(address).domain);
  if (home === undefined) return { kind: 'none', reason: 'no_such_domain' };
  const user = home.users.get(b64(addressHash(address)));
  if (user === undefined) return { kind: 'unknown', reason: 'no_such_user' };
  const at = world.clock.seconds();
  const listing = signListing({
    keys: home.keys,
    addressHash: addressHash(address),
    inner: record ?? user.record,
    now: at,
  });
  const domain = peerOf(home);
  const trust = userTrust({ compared: false, pinnedBefore: true, escrow: false }, domain.trust);
  const verified = verifyListing(listing, home.verified, address, at);
  const { dropsSince } = verified;
  return {
    kind: 'native',
    user: verified,
    ...(dropsSince === undefined ? {} : { dropsSince }),
    domain,
    trust,
    stale: false,
    since: now,
    confirmed: true,
    escrow: false,
    bridged: false,
    notices: [],
    domainNotices: [],
  };
}

type Answer = Awaited<ReturnType<ClientNetwork['https']['request']>>;

async function answer(world: World, request: HttpsRequest): Promise<Answer> {
  const path = request.path.slice(publicPath.length);
  world.requests.push(`${request.method} ${path}`);
  try {
    world.before(request);
    const value = route(world, homeOf(world, request.domain), request, path);
    world.after(request);
    if (value === undefined) return { status: 204, headers: {}, body: new Uint8Array() };
    if (value instanceof Uint8Array)
      return { status: 200, headers: { 'content-type': mediaTypes.beckon }, body: value };
    if (isTagged(value)) return taggedAnswer(value);
    return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body: json(value) };
  } catch (error) {
    if (codeOf(error) === 'network_failed') throw error;
    const problem = { code: codeOf(error), detail: String(error) };
    return { status: 400, headers: { 'content-type': 'application/problem+json' }, body: json(problem) };
  }
}

function isTagged(value: unknown): value is Tagged {
  return (
    typeof value === 'object' &&
    value !== null &&
    ('etag' in value || 'bytes' in value || Object.keys(value).length === 0)
  );
}

function taggedAnswer({ etag, bytes, range }: Tagged): Answer {
  const tag = etag === undefined ? {} : { etag };
  if (bytes === undefined) return { status: 204, headers: tag, body: new Uint8Array() };
  const status = range === undefined ? 200 : 206;
  const headers = { ...tag, ...(range === undefined ? {} : { 'content-range': range }) };
  return { status, headers: { 'content-type': 'application/octet-stream', ...headers }, body: bytes };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

function card(home: TestHome, { method }: HttpsRequest, id: string, read: () => Json): undefined {
  if (method === 'PUT') home.cards.set(id, bytesOf(read().sealed));
  else home.cards.delete(id);
}

function route(world: World, home: TestHome, request: HttpsRequest, path: string): unknown {
  const [where = '', query = ''] = path.split('?');
  const body = request.body as Uint8Array | undefined;
  if (where === 'preferences') throw new BeckonError('unsupported', 'this domain keeps no preferences');
  if (where === 'poll') return poll(world, home, body as Uint8Array);
  const device = signer(world, request, body);
  const parts = where.split('/');
  const read = (): Json => JSON.parse(new TextDecoder().decode(body));
  if (where === 'account/enroll') return enroll(world, home, read(), device);
  if (parts[1] === 'cards') return card(home, request, parts[2] ?? '', read);
  const about = answerAboutDevices(home.devices, home.states, {
    method: request.method,
    path: where.slice('account/'.length),
    body,
    headers: request.headers ?? {},
    by: device,
    now: world.clock.seconds(),
  });
  if (about !== undefined) return about.value;
  const { user, kind } = home.devices.get(device) ?? {};
  if (user === undefined || kind !== 'device') throw new BeckonError('unauthorized', 'no such device');
  if (parts[0] === 'introductions') return feed(home, new URLSearchParams(query));
  if (where === 'account/user') return profile(home, user);
  if (parts[1] === 'kept') return kept(world, home, request, parts[2], read);
  if (where === 'account/record') return putRecord(world, home, user, read().record);
  if (parts[1] === 'reservations') return reserve(home, read().count);
  if (parts[1] === 'uploads') return upload(home, request, parts, read);
  if (where === 'account/messages' && request.method === 'POST') return commit(world, home, user, read());
  if (where === 'account/messages') return sent(world, home, user, new URLSearchParams(query));
  if (parts[3] === 'retract') return retract(world, home, user, parts[2] as string);
  throw new BeckonError('unsupported', 'no such path');
}

function signer(world: World, request: HttpsRequest, body: Uint8Array | undefined): string {
  const { method, domain, path: target, headers = {} } = request;
  const conditions = Object.fromEntries(
    Object.entries(headers).filter(([name]) => name === 'if-match' || name === 'if-none-match'),
  );
  return b64(verifyRequest({ method, domain, target, body, conditions }, headers, world.clock.seconds()));
}

function enroll(
  world: World,
  home: TestHome,
  { token, record, device, name = '' }: Json,
  by: string,
): unknown {
  const hash = home.invitations.get(token);
  if (hash === undefined || by !== device) throw new BeckonError('invitation_invalid', 'no such invitation');
  const known = home.replaced.has(hash) ? undefined : home.users.get(hash);
  if (known !== undefined && (b64(known.record) !== record || known.device !== device))
    throw new BeckonError('invitation_invalid', 'used');
  verifyInnerRecord(bytesOf(record), {
    domain: home.domain,
    addressHash: bytesOf(hash),
    now: world.clock.seconds(),
  });
  home.users.set(hash, { record: bytesOf(record), device });
  home.devices.set(device, { user: hash, kind: 'device', name, added: world.clock.seconds() });
  return { addressHash: hash };
}

function profile(home: TestHome, user: string): unknown {
  const recordOf = (hash: string): { record?: string } => {
    const known = home.users.get(hash);
    return known === undefined ? {} : { record: b64(known.record) };
  };
  const aliases = [...home.aliases].filter(([, { of }]) => of === user);
  return {
    address: 'it knows',
    local: 'it',
    ...recordOf(user),
    aliases: aliases.map(([hash, { address }]) => ({ address, ...recordOf(hash) })),
    devices: devicesOf(home.devices, user),
    keep: home.keep,
    used: 0,
    quota: 0,
  };
}

function kept(
  world: World,
  home: TestHome,
  { headers = {} }: HttpsRequest,
  name: string | undefined,
  read: () => Json,
): unknown {
  if (name === undefined) {
    const { name: own, upload: of, payloadHash } = read();
    const bytes = home.uploads.get(of)?.bytes;
    if (home.keep === 0) throw new BeckonError('unsupported', 'nothing is kept here');
    if (bytes === undefined || b64(sha256(bytes)) !== payloadHash)
      throw new BeckonError('payload_mismatch', 'other bytes');
    home.kept.set(own, bytes);
    return { name: own, size: bytes.length, created: now, expires: world.clock.seconds() + home.keep };
  }
  const bytes = home.kept.get(name);
  if (bytes === undefined) throw new BeckonError('not_found', 'nothing is kept under this name');
  const [start = 0, end = 0] = (headers['range'] ?? '').replace('bytes=', '').split('-').map(Number);
  const part = bytes.subarray(start, end + 1);
  return { bytes: part, range: `bytes ${start}-${start + part.length - 1}/${bytes.length}` };
}

/** Of the user or of an alias, in the place of the one that it names. */
function putRecord(world: World, home: TestHome, user: string, record: string): void {
  const { addressHash: hash } = decode(userRecord, decodeSign1(bytesOf(record)).payload);
  const expected = { domain: home.domain, addressHash: hash, now: world.clock.seconds() };
  const { previous, serial } = verifyInnerRecord(bytesOf(record), expected);
  const known = home.users.get(b64(hash));
  if (b64(hash) !== user && home.aliases.get(b64(hash))?.of !== user)
    throw new BeckonError('record_mismatch', 'of somebody else');
  if (known !== undefined && b64(known.record) === record) return;
  const before = known && b64(recordFingerprint(known.record));
  if (before !== (previous && b64(previous)))
    throw new BeckonError('conflict', 'another record came in between');
  if (known !== undefined && serial <= decode(userRecord, decodeSign1(known.record).payload).serial)
    throw new BeckonError('record_rollback', 'an older record');
  const device = known?.device ?? home.users.get(user)?.device ?? '';
  home.users.set(b64(hash), { record: bytesOf(record), device: b64(hash) === user ? device : '' });
}

function reserve(home: TestHome, count: number): unknown {
  const ids = Array.from({ length: count }, () => b64(home.random(32)));
  for (const id of ids) home.reserved.add(id);
  return { ids, expires: now + 86_400 };
}

function upload(
  home: TestHome,
  { method, body }: HttpsRequest,
  parts: readonly string[],
  read: () => Json,
): unknown {
  const id = parts[2] as string;
  if (parts[3] === undefined && method === 'PUT' && !home.uploads.has(id))
    home.uploads.set(id, { size: read().size, bytes: new Uint8Array() });
  if (method === 'DELETE') return void home.uploads.delete(id);
  const found = home.uploads.get(id);
  if (found === undefined) throw new BeckonError('not_found', 'no such upload');
  if (parts[3] === 'parts') {
    if (Number(parts[4]) !== found.bytes.length) throw new BeckonError('conflict', 'not the next part');
    found.bytes = concat(found.bytes, body as Uint8Array);
  }
  return { size: found.size, received: found.bytes.length };
}

function commit(world: World, home: TestHome, from: string, submission: Json): unknown {
  const handles = {
    messages: submission.messages.map(({ id }: Json) => ({ handle: traceHandle(bytesOf(id)) })),
  };
  const isKnown = ({ id, header }: Json): boolean =>
    home.messages.some((known) => b64(known.id) === id && b64(known.header) === header);
  if (submission.messages.every(isKnown)) return handles;
  const { upload = '', payload: small } = submission;
  const payload = small === undefined ? home.uploads.get(upload)?.bytes : bytesOf(small);
  if (payload === undefined) throw new BeckonError('conflict', 'the upload is not complete');
  const payloadHash = sha256(payload);
  if (b64(payloadHash) !== submission.payloadHash) throw new BeckonError('payload_mismatch', 'other bytes');
  for (const message of submission.messages as Json[]) {
    if (!home.reserved.delete(message.id)) throw new BeckonError('conflict', 'not reserved');
    const { introduction } = message;
    const stored: StoredMessage = {
      id: bytesOf(message.id),
      from,
      destination: message.destination,
      recipientHash: bytesOf(message.recipientHash),
      header: bytesOf(message.header),
      envelope: bytesOf(message.envelope),
      payload,
      payloadHash,
      acceptTokenHash: bytesOf(message.acceptTokenHash),
      expires: message.expires,
      ...(introduction === undefined ? {} : { introduction: bytesOf(introduction) }),
      state: 'stored',
      fetched: false,
    };
    home.messages.push(stored);
    notify(world, home, stored, {});
  }
  home.uploads.delete(upload);
  return handles;
}

/** A ref arrives at its destination. */
export function notify(
  world: World,
  home: { readonly domain: string },
  message: StoredMessage,
  { retraction = false }: { readonly retraction?: boolean },
): void {
  const receiver = homeOf(world, message.destination);
  const { id, expires, introduction, payload } = message;
  const firstSeen = world.clock.seconds();
  const labels = { ...(introduction && { introduction }), ...(retraction && { retraction }) };
  const ref = { id, sender: home.domain, expires, firstSeen, sizeClass: sizeClass(payload.length), labels };
  const hash = b64(message.recipientHash);
  const known = receiver.pending.find((pending) => pending.hash === hash && b64(pending.ref.id) === b64(id));
  if (known === undefined) receiver.pending.push({ hash, ref });
  else known.ref = ref;
  if (introduction !== undefined)
    receiver.feed.push({ sender: home.domain, introduction, firstSeen, expires });
}

/** Two entries a page. */
function feed(home: TestHome, query: URLSearchParams): Uint8Array {
  const after = query.get('after');
  const start = after === null ? 0 : (bytesOf(after)[0] as number);
  const entries = home.feed.slice(start, start + 2);
  const next = entries.length === 0 ? {} : { next: Uint8Array.of(start + entries.length) };
  return encode(feedResponse, { entries, ...next });
}

/** Two refs a page. */
function poll(world: World, home: TestHome, body: Uint8Array): Uint8Array {
  const { time, nonce, keyId, entries } = decode(pollRequest, body, 1 << 20);
  const key = findKey(home.keys.keys, 'poll', keyId, world.clock.seconds());
  const answers = entries.map((entry) => {
    if (!verifyPollProof(key.secret, { domain: home.domain, keyId, time, nonce }, entry)) return { refs: [] };
    const hash = b64(recipientHash(entry.pollKey, home.domain));
    const done = new Set(entry.done?.map(([id]) => b64(id)));
    home.pending = home.pending.filter((pending) => pending.hash !== hash || !done.has(b64(pending.ref.id)));
    const start = entry.after?.[0] ?? 0;
    const all = home.pending.filter((pending) => pending.hash === hash);
    const refs = all.slice(start, start + 2).map(({ ref }) => ref);
    return { refs, ...(start + 2 < all.length ? { next: Uint8Array.of(start + 2) } : {}) };
  });
  return encode(pollResponse, { answers });
}

/** Two messages a page, newest first. */
function sent(world: World, home: TestHome, user: string, query: URLSearchParams): unknown {
  const own = home.messages.filter(({ from }) => from === user).toReversed();
  const start = Number(query.get('after') ?? 0);
  const messages = own.slice(start, start + 2).map((message) => ({
    handle: traceHandle(message.id),
    destination: message.destination,
    state: message.state,
    created: now,
    expires: message.expires,
    size: message.payload.length,
    ...(message.fetched ? { fetched: now } : {}),
    ...(message.state === 'accepted' ? { accepted: world.clock.seconds() } : {}),
  }));
  return { messages, ...(start + 2 < own.length ? { next: String(start + 2) } : {}) };
}

function retract(world: World, home: TestHome, user: string, handle: string): unknown {
  const message = home.messages.find(({ id, from }) => traceHandle(id) === handle && from === user);
  if (message === undefined) throw new BeckonError('not_found', 'no such message');
  if (message.state === 'accepted') return { outcome: 'already_accepted' };
  message.state = 'withdrawn';
  notify(world, home, message, { retraction: true });
  return { outcome: message.fetched ? 'withdrawn_maybe_read' : 'withdrawn' };
}
