/**
 * Mail taken over SMTP, each durable before 250, beside Postfix taking the same mails from the same generator over as many connections, its
 * queue on the same disk. Ours checks each sender and seals it for its recipient before; Postfix writes it as it is.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startZoneServer } from '../../src/dns/zone-server.ts';
import { sendMail, startPostfix } from '../fetch/postfix.ts';
import { cpuSecondsOfAll, findProgram, leaveOut } from '../fetch/programs.ts';
import { metricOf, wallSeconds, type Bench, type Pair } from '../report.ts';
import { startBeckon } from './beckon.ts';

const together = 64;
const size = 4096;

export const smtp: Bench = {
  name: 'smtp',
  async *run({ quick }) {
    const program = findProgram('postfix');
    if (program === undefined) return leaveOut('smtp is', 'Postfix', 'postfix');
    if (process.getuid?.() !== 0) {
      console.error('smtp is left out: Postfix starts for root only');
      return;
    }
    await using parts = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
    parts.defer(() => rmSync(dir, { recursive: true, force: true }));
    chmodSync(dir, 0o755);
    for (const folder of ['ours', 'theirs']) mkdirSync(join(dir, folder));
    const dns = await startZoneServer([
      { type: 'TXT', name: 'alpha.test', text: 'v=spf1 ip4:127.0.0.1 -all' },
    ]);
    parts.defer(() => dns.close());
    const beckon = await startBeckon(join(dir, 'ours'), 'b@beta.test', dns.address);
    parts.defer(() => beckon.stop());
    const postfix = await startPostfix(program, join(dir, 'theirs'));
    parts.defer(() => postfix.stop());

    const count = quick ? 1000 : 5000;
    const pairs: Pair[] = [];
    const byCpu: Pair[] = [];
    for (let run = -1; run < (quick ? 3 : 5); run++) {
      const ours = await measured(beckon.port, count, () => cpuSecondsOfAll(beckon.pid));
      const theirs = await measured(postfix.port, count, postfix.cpuSeconds);
      if (run < 0) continue;
      pairs.push({ value: count / ours.wall, peerValue: count / theirs.wall });
      byCpu.push({ value: count / ours.cpu, peerValue: count / theirs.cpu });
    }
    const peer = `Postfix taking the same mails of ${size} bytes into its hold queue on the same disk, unchecked and in clear text; ${together} connections on both sides`;
    const labels = { bench: 'smtp', unit: '1/s' };
    yield metricOf({ ...labels, metric: 'smtp_in', peer }, pairs);
    const cpuPeer = `${peer}; by the processor time of all processes on each side`;
    yield metricOf({ ...labels, metric: 'smtp_in_cpu', peer: cpuPeer }, byCpu);
  },
};

async function measured(port: number, count: number, cpuSeconds: () => number) {
  const before = cpuSeconds();
  const wall = await wallSeconds(() => sendMail(port, count, size, together));
  return { wall, cpu: cpuSeconds() - before };
}
