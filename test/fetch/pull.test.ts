/** Pulling for users, over real sockets; and senders' domains that mean ill: each costs one failed attempt. */
import { base64urlnopad } from '@scure/base';
import test, { type ExecutionContext } from 'ava';
import { messageObject } from '../../src/wire/message.ts';
import { decode } from '../../src/wire/schema.ts';
import { endless, failed, found, answer, type Route } from '../directory/world.ts';
import { collected, random, sha256, start } from '../store/fixture.ts';
import { startHttps } from '../support/https-server.ts';
import { createTestAuthority } from '../support/certificates.ts';
import { sameBytes } from '../support/bytes.ts';
import { freshDrop } from './fixture.ts';
import { day, garbled, servesPayload, startPullWorld, user, type Announced } from './pull-world.ts';

const octets = 'application/octet-stream';
const etagOf = (payload: Uint8Array) => `"${base64urlnopad.encode(sha256(payload))}"`;

test.serial(
  'what is delegated comes here as it was sealed, and is read by the owner of the drop alone',
  async (t) => {
    const world = await startPullWorld(t);
    const site = await world.addSite();
    const message = world.offer(site, 400_000);
    await world.delegate(message);
    await world.pulling.turn();
    const copy = await world.copyOf(message);
    t.deepEqual(copy?.object, message.object);
    sameBytes(t, copy && (await collected(copy.open(0))), message.payload);
    t.deepEqual(copy && (await collected(copy.open(399_000))), message.payload.subarray(399_000));
    t.is(await world.copyOf(message, freshDrop().owner), undefined, 'another drop');
    t.is(await world.copyOf({ ...message, ref: { ...message.ref, sender: 'b.test' } }), undefined);
    t.deepEqual(await world.events(message), ['pulled']);
    await world.pulling.turn();
    t.is(site.asked(message.path), 1);
  },
);

test.serial(
  'what comes over a drop that is pulled is fetched after a while that is drawn, and what waited before too',
  async (t) => {
    const world = await startPullWorld(t);
    const site = await world.addSite();
    const [before, after, retracted] = [world.offer(site), world.offer(site), world.offer(site)];
    await world.announce(before);
    await world.announce(retracted, { retraction: true });
    await world.pullAll();
    await world.announce(after);
    await world.pulling.turn();
    t.is(site.server.requests.length, 0, 'not at once');
    world.clock.advance(900);
    await world.pulling.turn();
    t.truthy(await world.copyOf(before));
    t.truthy(await world.copyOf(after));
    t.is(site.asked(retracted.path), 0);
    await world.pullAll(0);
    const late = world.offer(site);
    await world.announce(late);
    world.clock.advance(900);
    await world.pulling.turn();
    t.is(site.asked(late.path), 0, 'it was taken back');
  },
);

test.serial('what came while nobody listened is queued at the start', async (t) => {
  const world = await startPullWorld(t);
  const site = await world.addSite();
  const message = world.offer(site);
  const owner = { domain: 'alpha.test', user };
  await world.store.pulls.set(owner, [{ recipientHash: world.drop.hash, until: start + day }], start);
  await world.announce(message);
  await world.pulling.listen(['alpha.test']);
  world.clock.advance(900);
  await world.pulling.turn();
  t.truthy(await world.copyOf(message));
});

test.serial(
  'a copy outlives the message at its sender’s domain, and a retraction before takes it away',
  async (t) => {
    const world = await startPullWorld(t);
    const site = await world.addSite();
    const [kept, retracted] = [world.offer(site), world.offer(site)];
    for (const message of [kept, retracted]) await world.delegate(message);
    await world.pulling.turn();
    await world.announce(retracted, { retraction: true });
    t.is(await world.copyOf(retracted), undefined);
    world.clock.advance(30 * day);
    t.truthy(await world.copyOf(kept));
    world.clock.advance(30 * day);
    t.is(await world.copyOf(kept), undefined, 'for as long as copies are kept');
  },
);

/** Those that are waited for. */
const slow = ['a payload that drips', 'silence', 'silence in the middle'];

/** What a hostile or broken domain may do about one message, and what becomes of it. */
const hostile: Readonly<
  Record<
    string,
    readonly [outcome: 'refused' | 'later', act: (m: Announced, silent: Route) => [string, Route][]]
  >
> = {
  'a redirect for the message': ['later', (m) => [[m.path, redirect]]],
  'a redirect for the payload': ['later', (m) => [[`${m.path}/payload`, redirect]]],
  'an error page of a proxy': ['later', (m) => [[m.path, answer(502, 'text/html', '<h1>Bad Gateway</h1>')]]],
  'an error page of a proxy for the payload': [
    'later',
    (m) => [[`${m.path}/payload`, answer(404, 'text/html', '<h1>Not Found</h1>')]],
  ],
  'a page that calls itself a success': [
    'later',
    (m) => [[m.path, answer(200, 'text/html', 'log in first')]],
  ],
  'a page that calls itself the payload': [
    'later',
    (m) => [[`${m.path}/payload`, answer(200, 'text/html', 'log in first')]],
  ],
  'a message without end': ['refused', (m) => [[m.path, endless()]]],
  'a payload without end': ['refused', (m) => [[`${m.path}/payload`, unending(etagOf(m.payload))]]],
  'a payload that is larger than announced': [
    'refused',
    (m) => [[`${m.path}/payload`, servesPayload(random(m.payload.length + 1), sha256(m.payload))]],
  ],
  'a payload that ends early': [
    'later',
    (m) => [[`${m.path}/payload`, servesPayload(m.payload.subarray(1), sha256(m.payload))]],
  ],
  'other bytes of the same size': [
    'refused',
    (m) => [[`${m.path}/payload`, servesPayload(random(m.payload.length), sha256(m.payload))]],
  ],
  'another payload, and says so': ['refused', (m) => [[`${m.path}/payload`, servesPayload(random(4096))]]],
  'nothing that was there before': ['refused', (m) => [[m.path, failed(404, 'message_gone')]]],
  'an envelope that does not open': ['refused', (m) => [[m.path, found(garbled(m.object))]]],
  'something that is no message': ['refused', (m) => [[m.path, found(random(5000))]]],
  'a payload that drips': ['later', (m, silent) => [[`${m.path}/payload`, dripping(m.payload, silent)]]],
  silence: ['later', (m, silent) => [[m.path, silent]]],
  'silence in the middle': ['later', (m, silent) => [[`${m.path}/payload`, stalling(m.payload, silent)]]],
  'a line that breaks': ['later', (m) => [[m.path, (response) => response.destroy()]]],
};

const redirect: Route = answer(302, 'text/html', '', {
  location: 'https://beckon.good.test/.well-known/beckon/',
});

function unending(etag: string): Route {
  return (response) => {
    response.setHeader('etag', etag);
    endless(octets)(response);
  };
}

/** Until there is no patience left. */
function dripping(payload: Uint8Array, impatient?: Route): Route {
  return (response) => {
    response.writeHead(200, { 'content-type': octets, etag: etagOf(payload) });
    let drops = 0;
    const timer = setInterval(() => {
      response.write(Uint8Array.of(0));
      if (++drops === 10) impatient?.(response);
    }, 10);
    response.on('close', () => clearInterval(timer));
  };
}

function stalling(payload: Uint8Array, silent: Route): Route {
  return (response) => {
    response.writeHead(200, { 'content-type': octets, etag: etagOf(payload) });
    response.write(payload.subarray(0, 100), () => silent(response));
  };
}

/** Each domain does one of these, at once; what they cost, and what becomes of another meanwhile. */
function costOneAttempt(names: readonly string[]) {
  return async (t: ExecutionContext): Promise<void> => {
    const world = await startPullWorld(t);
    const good = await world.addSite('good.test');
    const fine = world.offer(good);
    const bad = [];
    for (const [i, name] of names.entries()) {
      const [outcome, act] = hostile[name] as (typeof hostile)[string];
      const site = await world.addSite(`bad${i}.test`);
      const evil = world.offer(site);
      for (const [path, route] of act(evil, world.silent)) site.routes.set(path, route);
      await world.delegate(evil);
      bad.push({ name, outcome, site, evil });
    }
    await world.delegate(fine);
    await world.pulling.turn();
    t.truthy(await world.copyOf(fine));
    const { items } = await world.store.pending.poll('alpha.test', world.drop.hash, {
      limit: 99,
      now: start,
    });
    t.is(items.length, names.length + 1, 'the refs wait for the recipient all the same');
    const queued = await world.store.pulls.due(start + 300, 99);
    let partly = 0;
    for (const { name, outcome, site, evil } of bad) {
      t.is(await world.copyOf(evil), undefined, name);
      t.is(site.asked(evil.path), 1, name);
      const next = queued.find(({ sender }) => sender === site.domain);
      t.is(next?.due, outcome === 'later' ? start + 300 : undefined, name);
      t.is((await world.events(evil)).length, outcome === 'later' ? 0 : 1, name);
      if (outcome === 'later') partly += evil.payload.length;
    }
    t.true((await world.used()) <= sealedSize(fine) + fine.payload.length + partly);
    t.is(good.asked(''), 0, 'no redirect is followed');
  };
}

test.serial(
  'redirects, pages of a proxy, bytes without end, of another size or hash: each costs one attempt, and others are pulled beside them',
  costOneAttempt(Object.keys(hostile).filter((name) => !slow.includes(name))),
);
test.serial(
  'silence and dripping cost one attempt each, and no longer than the patience',
  costOneAttempt(slow),
);

test.serial('an attempt has its end, however steadily bytes come', async (t) => {
  const world = await startPullWorld(t, { attemptMs: 200 });
  const site = await world.addSite();
  const message = world.offer(site);
  site.routes.set(`${message.path}/payload`, dripping(message.payload));
  await world.delegate(message);
  await world.pulling.turn();
  t.is(await world.copyOf(message), undefined);
  t.is(site.asked(message.path), 1);
  t.is(await world.store.pulls.nextDue(), start + 300);
});

/** Of header and envelope. */
function sealedSize({ object }: Announced): number {
  const { header, envelope } = decode(messageObject, object);
  return header.length + envelope.length;
}

for (const [name, changes] of Object.entries({
  'another recipient hash': { recipientHash: random(32) },
  'another message id': { messageId: random(32) },
  'a sender at another domain': { sender: 'ann@b.test' },
  'a size of another class': { payloadSize: 50_000 },
}))
  test.serial(`an envelope with ${name} is given up, and no byte of its payload is asked for`, async (t) => {
    const world = await startPullWorld(t);
    const site = await world.addSite();
    const message = world.offer(site, 5000, changes);
    await world.delegate(message);
    await world.pulling.turn();
    t.deepEqual(await world.events(message), ['not pulled: message_mismatch']);
    t.is(site.asked(`${message.path}/payload`), 0);
    t.is(await world.used(), 0);
  });

test.serial(
  'what fails for now is tried again, with gaps that double, and goes on where it stopped',
  async (t) => {
    const world = await startPullWorld(t);
    const site = await world.addSite();
    const message = world.offer(site, 300_000);
    const { payload } = message;
    site.routes.set(`${message.path}/payload`, (response) => {
      response.writeHead(200, {
        'content-type': octets,
        etag: etagOf(payload),
        'content-length': payload.length,
      });
      response.write(payload.subarray(0, 200_000), () => setTimeout(() => response.destroy(), 20));
    });
    await world.delegate(message);
    await world.pulling.turn();
    t.is(await world.store.pulls.nextDue(), start + 300);
    site.routes.set(message.path, failed(503, 'unavailable'));
    world.clock.advance(300);
    await world.pulling.turn();
    t.is(await world.store.pulls.nextDue(), start + 300 + 600);
    site.routes.set(message.path, found(message.object));
    let from = 0;
    site.routes.set(`${message.path}/payload`, (response) => {
      from = Number(/^bytes=(\d+)-$/.exec(response.req.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(206, {
        'content-type': octets,
        etag: etagOf(payload),
        'content-range': `bytes ${from}-${payload.length - 1}/${payload.length}`,
      });
      response.end(payload.subarray(from));
    });
    world.clock.advance(600);
    await world.pulling.turn();
    const copy = await world.copyOf(message);
    sameBytes(t, copy && (await collected(copy.open(0))), payload);
    t.true(from > 0 && from <= 200_000, `went on at ${from}`);
  },
);

test.serial(
  'a domain that is silent is asked once in a round, whatever it announced, and has one connection at a time',
  async (t) => {
    const world = await startPullWorld(t);
    const [bad, good] = [await world.addSite('x.a.test'), await world.addSite('y.a.test')];
    const many = Array.from({ length: 5 }, () => world.offer(bad));
    for (const { path } of many) bad.routes.set(path, world.silent);
    const fine = world.offer(good);
    for (const message of many) await world.delegate(message);
    // After them in the queue.
    world.clock.advance(1);
    await world.delegate(fine);
    await world.pulling.turn();
    t.is(bad.server.requests.filter(({ url }) => url.includes('/m/')).length, 1);
    t.is(await world.copyOf(fine), undefined, 'of the same registrable domain');
    world.clock.advance(300);
    for (const message of many) bad.routes.set(message.path, found(message.object));
    await world.pulling.turn();
    t.truthy(await world.copyOf(fine));
    for (const message of many) t.truthy(await world.copyOf(message));
  },
);

test.serial('each registrable domain has so many messages and bytes in a day', async (t) => {
  const limits = { messages: 100, bytes: 12_000, parallel: 8, spread: 900 };
  const world = await startPullWorld(t, { limits });
  const [site, other] = [await world.addSite('x.a.test'), await world.addSite('b.test')];
  const [first, second, third] = [world.offer(site), world.offer(site), world.offer(site)];
  const elsewhere = world.offer(other);
  for (const message of [first, second, third, elsewhere]) await world.delegate(message);
  await world.pulling.turn();
  // A daemon that begins again has forgotten nothing.
  world.clock.advance(600);
  await world.pullAgain();
  const here = async (message: Announced) => (await world.copyOf(message)) !== undefined;
  const pulled = await Promise.all([first, second, third].map(here));
  t.is(pulled.filter(Boolean).length, 2);
  t.true(await here(elsewhere));
  t.is(site.server.requests.filter(({ url }) => url.endsWith('/payload')).length, 2);
  world.clock.advance(day);
  await world.pulling.turn();
  t.deepEqual(await Promise.all([first, second, third].map(here)), [true, true, true]);
});

test.serial(
  'who serves one byte and breaks off holds that byte of the share, and others are pulled',
  async (t) => {
    const world = await startPullWorld(t, { terms: { userBytes: 60_000 } });
    const [bad, good] = [await world.addSite('a.test'), await world.addSite('b.test')];
    const [greedy, fine] = [world.offer(bad, 40_000), world.offer(good, 40_000)];
    bad.routes.set(`${greedy.path}/payload`, (response) => {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        etag: `"${base64urlnopad.encode(sha256(greedy.payload))}"`,
        'content-length': greedy.payload.length,
      });
      response.write(greedy.payload.subarray(0, 1), () => response.destroy());
    });
    await world.delegate(greedy);
    await world.pulling.turn();
    t.is(bad.asked(`${greedy.path}/payload`), 1);
    t.true((await world.used()) <= 1);
    await world.delegate(fine);
    await world.pulling.turn();
    t.truthy(await world.copyOf(fine));
  },
);

test.serial(
  'what does not fit into the user’s share is not asked for, and is pulled once there is room',
  async (t) => {
    const world = await startPullWorld(t, { terms: { userBytes: 20_000 } });
    const site = await world.addSite();
    const [first, second] = [world.offer(site), world.offer(site, 10_000)];
    await world.delegate(first);
    await world.pulling.turn();
    await world.delegate(second);
    await world.pulling.turn();
    t.is(site.asked(`${second.path}/payload`), 0);
    await world.store.pending.done('alpha.test', world.drop.hash, [first.id]);
    t.is(await world.used(), 0);
    world.clock.advance(300);
    await world.pulling.turn();
    t.truthy(await world.copyOf(second));
  },
);

test.serial(
  'a name that leads elsewhere after it was looked at, or to any private address, is never connected to',
  async (t) => {
    const world = await startPullWorld(t, { allow: ['127.0.0.1/32'] });
    const site = await world.addSite();
    const trap = await startHttps({
      authority: await createTestAuthority(),
      names: ['beckon.a.test'],
      host: '127.0.0.2',
    });
    t.teardown(trap.close);
    const close: Route = (response) => {
      response.setHeader('connection', 'close');
      found(first.object)(response);
    };
    const first = world.offer(site);
    site.routes.set(first.path, close);
    site.routes.set(`${first.path}/payload`, (response) => {
      response.setHeader('connection', 'close');
      servesPayload(first.payload)(response);
    });
    await world.delegate(first);
    await world.pulling.turn();
    t.truthy(await world.copyOf(first));
    const requests = site.server.requests.length;

    const rebound = site.zone.map((record) =>
      record.type === 'SRV' ? { ...record, port: trap.port } : record,
    );
    const addresses = ['127.0.0.2', '10.0.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '192.168.1.1'];
    const addresses6 = [
      '::1',
      '::ffff:127.0.0.2',
      '::ffff:10.0.0.1',
      'fe80::1',
      'fc00::1',
      '64:ff9b::7f00:2',
      '::',
    ];
    const records = [
      ...addresses.map((address) => ({ type: 'A' as const, name: 'post.hoster.test', address })),
      ...addresses6.map((address) => ({ type: 'AAAA' as const, name: 'post.hoster.test', address })),
    ];
    for (const record of records) {
      world.dns.set([record, ...rebound]);
      const message = world.offer(site);
      await world.delegate(message);
      await world.pulling.turn();
      t.is(await world.copyOf(message), undefined, record.address);
    }
    for (const target of ['127.0.0.2', '2130706434', '0x7f000002', '0177.0.0.2', '127.2', 'localhost']) {
      world.dns.set(rebound.map((record) => (record.type === 'SRV' ? { ...record, target } : record)));
      const message = world.offer(site);
      await world.delegate(message);
      await world.pulling.turn();
      t.is(await world.copyOf(message), undefined, target);
    }
    t.is(trap.connections(), 0);
    t.is(site.server.requests.length, requests);
    t.is(await world.used(), first.payload.length + sealedSize(first), 'nothing but the first');
  },
);
