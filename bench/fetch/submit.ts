/**
 * Submissions, each durable before it is answered, beside Postfix accepting messages of the same size on the same disk. Ours go through the
 * pipeline of the account interface and the store, without the HTTP and the signatures around it: ids are reserved, and a message is committed
 * with its payload. Who sends much reserves 64 ids at a time, as its connection to Postfix is kept; who sends one message reserves one.
 * Postfix's go through SMTP without TLS.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Submit } from '../../src/account/submit.ts';
import { createSubmit } from '../../src/account/submit.ts';
import type { AccountUser } from '../../src/account/user.ts';
import { systemClock } from '../../src/clock.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { payloadSize } from '../../src/message/payload.ts';
import { createMetrics } from '../../src/metrics.ts';
import { openStore } from '../../src/store/store.ts';
import { sealedEnvelope } from '../../src/wire/message.ts';
import { sizes } from '../../src/wire/registry.ts';
import { encode } from '../../src/wire/schema.ts';
import type { SubmittedMessage } from '../../src/wire/submission.ts';
import { metricOf, wallSeconds, type Bench, type Pair } from '../report.ts';
import { envelopeSize, headerSize, newMessage, newOwner } from '../stored-messages.ts';
import { sendMail, startPostfix } from './postfix.ts';
import { cpuSecondsOf, findProgram, leaveOut } from './programs.ts';

/** Submissions under way at a time, and connections to Postfix. */
const together = 64;
/** What a client that sends much has reserved at once. */
const reserved = 64;

export const submitting: Bench = {
  name: 'submit',
  async *run({ quick }) {
    const program = findProgram('postfix');
    if (program === undefined) return leaveOut('submit is', 'Postfix', 'postfix');
    if (process.getuid?.() !== 0) {
      console.error('fetch: submit is left out: Postfix starts for root only');
      return;
    }
    await using parts = new AsyncDisposableStack();
    const dir = mkdtempSync(join(tmpdir(), 'beckon-bench-'));
    parts.defer(() => rmSync(dir, { recursive: true, force: true }));
    const store = await openStore({
      dir: join(dir, 'store'),
      clock: systemClock,
      onFailure: (error) => console.error(error),
    });
    parts.defer(() => store.close());
    const submit = createSubmit({
      ...store,
      limitsOf: async () => ({}),
      clock: systemClock,
      random: systemRandom,
      metrics: createMetrics(),
    });
    const postfix = await startPostfix(program, dir);
    parts.defer(() => postfix.stop());

    const payload = systemRandom(payloadSize(sizes.payloadFloor));
    const size = headerSize + envelopeSize + payload.length;
    const count = quick ? 1000 : 5000;
    const pairs: Pair[] = [];
    const single: Pair[] = [];
    const byCpu: Pair[] = [];
    for (let run = -1; run < (quick ? 3 : 5); run++) {
      const ours = await wallAndCpu(
        () => submitAll(submit, payload, count, reserved),
        () => cpuSecondsOf(process.pid),
      );
      const oneByOne = await wallSeconds(() => submitAll(submit, payload, count, 1));
      const theirs = await wallAndCpu(
        () => sendMail(postfix.port, count, size, together),
        postfix.cpuSeconds,
      );
      if (run < 0) continue;
      const peerValue = count / theirs.wall;
      pairs.push({ value: count / ours.wall, peerValue });
      single.push({ value: count / oneByOne, peerValue });
      byCpu.push({ value: count / ours.cpu, peerValue: count / theirs.cpu });
    }
    const peer = `Postfix accepting messages of ${size} bytes into its hold queue, SMTP without TLS; ${together} at a time on both sides`;
    const labels = { bench: 'fetch', unit: '1/s' };
    yield metricOf({ ...labels, metric: 'submit', peer }, pairs);
    yield metricOf({ ...labels, metric: 'submit_single', peer }, single);
    const cpuPeer = `${peer}; by the processor time of all its processes, ours with the load that it gives itself`;
    yield metricOf({ ...labels, metric: 'submit_cpu', peer: cpuPeer }, byCpu);
  },
};

async function wallAndCpu(action: () => Promise<void>, cpuSeconds: () => number) {
  const before = cpuSeconds();
  const wall = await wallSeconds(action);
  return { wall, cpu: cpuSeconds() - before };
}

/** Every submitter is a user. The bytes of their messages are the same, as those that Postfix gets are; ids and handles are not. */
async function submitAll(submit: Submit, payload: Uint8Array, count: number, atOnce: number): Promise<void> {
  const hash = sha256(payload);
  const message = submitted(payload.length);
  let next = 0;
  await Promise.all(
    Array.from({ length: together }, async () => {
      const owner = newOwner('alpha.test');
      const user: AccountUser = { owner, device: systemRandom(32), kind: 'device' };
      let ids: readonly Uint8Array[] = [];
      for (let at = 0; next++ < count; at++) {
        if (at % atOnce === 0) ({ ids } = await submit.reserve(user, atOnce));
        const messages = [{ ...message, id: ids[at % atOnce] as Uint8Array }];
        await submit.commit(user, { payload, payloadHash: hash, messages });
      }
    }),
  );
}

function submitted(size: number): SubmittedMessage {
  const envelope = encode(sealedEnvelope, {
    destination: 'beta.test',
    keyId: systemRandom(sizes.keyId),
    sealedKey: systemRandom(sizes.xwingEnc + 48),
    ciphertext: systemRandom(1000),
  });
  const { introduction: _, ...message } = newMessage(systemRandom(sizes.messageId), size);
  return { ...message, envelope };
}
