import test from 'ava';
import { createMetrics } from '../src/metrics.ts';

test('what is counted shows on the page', async (t) => {
  const metrics = createMetrics();
  metrics.datagrams.inc({ outcome: 'stored' });
  metrics.datagrams.inc({ outcome: 'datagram_size' }, 2);
  metrics.refs.inc(3);
  metrics.notifications.inc({ channel: 'udp', outcome: 'sent' });
  metrics.submissions.inc();
  metrics.fetches.inc();
  metrics.bytesServed.inc(4096);
  metrics.waiting.set(5);
  metrics.waitingBytes.set(6);
  const { contentType, text } = await metrics.page();
  t.regex(contentType, /^text\/plain/);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.deepEqual(lines, [
    'beckon_datagrams_total{outcome="stored"} 1',
    'beckon_datagrams_total{outcome="datagram_size"} 2',
    'beckon_notifications_total{channel="udp",outcome="sent"} 1',
    'beckon_refs_total 3',
    'beckon_submissions_total 1',
    'beckon_fetches_total 1',
    'beckon_bytes_served_total 4096',
    'beckon_waiting_messages 5',
    'beckon_waiting_bytes 6',
    'beckon_watchers 0',
    'beckon_mail_queue 0',
  ]);
  t.deepEqual(await metrics.datagramOutcomes(), { stored: 1, datagram_size: 2 });
});

test('two daemons in one process count apart', async (t) => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.refs.inc();
  t.regex((await one.page()).text, /beckon_refs_total 1/);
  t.regex((await other.page()).text, /beckon_refs_total 0/);
});
