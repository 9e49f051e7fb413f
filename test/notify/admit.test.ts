import test from 'ava';
import { createAdmission, type AdmissionLimits } from '../../src/notify/admit.ts';
import { networkOf } from '../../src/rate.ts';
import { datagramHeader } from '../../src/wire/notification.ts';
import { testClock } from '../support/clock.ts';

const keyId = new Uint8Array(8).fill(7);
const generous = { perSecond: 1000, burst: 1000 };
const limits: AdmissionLimits = {
  perNetwork: { perSecond: 1, burst: 3 },
  strangers: { perSecond: 1, burst: 5 },
  peers: generous,
};

function datagram(size = 512, id = keyId): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(datagramHeader(id));
  return bytes;
}

function admission(own: Partial<AdmissionLimits> = {}) {
  const find = (id: Uint8Array) => (id[0] === 7 ? 'key' : undefined);
  return createAdmission(find, { ...limits, ...own }, testClock());
}

test('what is not a datagram of ours dies before the budget is touched', (t) => {
  const { admit } = admission();
  t.is(admit(datagram(511), '192.0.2.1'), 'datagram_size');
  t.is(admit(new Uint8Array(0), '192.0.2.1'), 'datagram_size');
  t.is(admit(new Uint8Array(1200), '192.0.2.1'), 'datagram_version');
  for (let i = 0; i < 50; i++) t.is(admit(datagram(512, new Uint8Array(8)), '192.0.2.1'), 'key_unknown');
  t.like(admit(datagram(), '192.0.2.1'), { key: 'key' });
});

test('one network cannot send more than its share, another still can', (t) => {
  const { admit } = admission({ strangers: generous });
  for (let i = 0; i < 3; i++) t.like(admit(datagram(), `192.0.2.${i}`), { key: 'key' });
  t.is(admit(datagram(), '192.0.2.200'), 'rate_limited');
  t.like(admit(datagram(), '198.51.100.1'), { key: 'key' });
});

test('strangers together cannot use up the share of peers', (t) => {
  const { admit, prove } = admission();
  prove('203.0.113.9');
  for (let i = 0; i < 10; i++) admit(datagram(), `198.51.${i}.1`);
  t.is(admit(datagram(), '198.18.0.1'), 'rate_limited');
  t.like(admit(datagram(), '203.0.113.77'), { key: 'key' });
});

test('networks are IPv4 /24 and IPv6 /48, in every way to write them', (t) => {
  t.is(networkOf('192.0.2.1'), networkOf('::ffff:192.0.2.254'));
  t.not(networkOf('192.0.2.1'), networkOf('192.0.3.1'));
  t.is(networkOf('2001:db8:1::1'), networkOf('2001:db8:1:ffff:1:2:3:4'));
  t.not(networkOf('2001:db8:1::1'), networkOf('2001:db8:2::1'));
  t.is(networkOf('fe80::1%eth0'), networkOf('fe80:0:0:0:0:0:0:2'));
  t.is(networkOf('::1'), '0:0:0');
});
