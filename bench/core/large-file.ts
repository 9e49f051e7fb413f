/**
 * A file of 2 GB, or as many as are wanted, sent by one domain's user and saved by another's: commands and daemons are real processes with TLS, DNS and stores of
 * their own.
 *
 *   1. stage    two domains, a user each, and a file of random bytes
 *   2. beckon   send, find it in the inbox, save; meanwhile look at the memory of every process
 *   3. peer     copy the file to disk and hash both
 *   4. compare  what was saved with what was sent
 */
import { copyFile, mkdir, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../../src/crypto/random.ts';
import { createHoster, createPerson } from '../../src/demo/cast.ts';
import { compare } from '../../src/demo/delivered.ts';
import { openStage, type Stage } from '../../src/demo/stage.ts';
import type { Tap } from '../../src/demo/tap.ts';
import { metricOf, wallSeconds, type Bench } from '../report.ts';
import { watchDescendants } from './memory.ts';

const megabyte = 1e6;
const limit = 300;
/** The file, its payload at the sender's domain, what is on its way in or out, and what was saved. */
const roomFactor = 4;

export interface LargeFileRun {
  readonly seconds: number;
  readonly copySeconds: number;
  /** MB, by command. */
  readonly peaks: ReadonlyMap<string, number>;
}

/** Sends and fetches a file of `size` bytes once. Throws where the disk has no room or another file arrives. */
export async function sendLargeFile(size: number): Promise<LargeFileRun> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize < roomFactor * size)
    throw new Error(`${tmpdir()} needs ${roomFactor * size} free bytes`);
  const stage = await openStage({ environment: process.env, keep: false, needles: [] });
  try {
    const file = join(stage.directory, 'large.bin');
    await writeRandom(file, size);
    const watch = watchDescendants();
    const { seconds, received } = await passOn({ ...stage, tap: noTap }, file).finally(() => watch.stop());
    const copySeconds = await wallSeconds(() => copyAndHash(file, join(stage.directory, 'copy.bin')));
    if (!(await compare([{ sent: file, received }])).agree) throw new Error('another file arrived');
    const peaks = new Map([...watch.stop()].map(([name, bytes]) => [name, bytes / megabyte]));
    return { seconds, copySeconds, peaks };
  } finally {
    await stage.close();
  }
}

/** Nothing between the domains: the demo's forwarder would be measured as well. */
const noTap: Tap = {
  udp: async (_domain, port) => port,
  tcp: async (_domain, port) => port,
  seen: () => [],
  found: () => new Set(),
  close() {},
};

async function passOn(stage: Stage, file: string): Promise<{ seconds: number; received: string }> {
  const [alpha, beta] = [createHoster(stage, 'alpha'), createHoster(stage, 'beta')];
  const alice = createPerson(stage, 'alice', alpha.domain);
  const bob = createPerson(stage, 'bob', beta.domain);
  for (const hoster of [alpha, beta]) {
    await hoster.init();
    await hoster.serve();
  }
  await alice.enroll(await alpha.invite(alice.address));
  await bob.enroll(await beta.invite(bob.address));
  await mkdir(bob.folder, { recursive: true });
  let received = '';
  const seconds = await wallSeconds(async () => {
    const { recipients } = await alice.send(bob.address, [file]);
    const { number } = await bob.await(recipients.flatMap(({ handles = [] }) => handles));
    const [saved] = await bob.save(number, bob.folder);
    received = saved?.path ?? '';
  });
  return { seconds, received };
}

/** Random in every piece: nothing on the way may shrink or share it. */
async function writeRandom(path: string, size: number): Promise<void> {
  await using file = await open(path, 'w');
  for (let rest = size; rest > 0; rest -= megabyte) await file.write(systemRandom(Math.min(megabyte, rest)));
  await file.sync();
}

async function copyAndHash(path: string, copy: string): Promise<void> {
  await copyFile(path, copy);
  await using file = await open(copy, 'r+');
  await file.sync();
  if (!(await compare([{ sent: path, received: copy }])).agree) throw new Error('the copy differs');
  await rm(copy);
}

export const largeFile: Bench = {
  name: 'large-file',
  async *run({ quick, gigabytes = 2 }) {
    const size = (quick ? 256 : gigabytes * 1000) * megabyte;
    const { seconds, copySeconds, peaks } = await sendLargeFile(size);
    const what = quick ? ' (a file of 256 MB)' : '';
    const labels = { bench: 'core', cost: true };
    yield metricOf(
      {
        ...labels,
        metric: `file_${gigabytes}gb_rss_anon`,
        unit: 'MB',
        peer: `the limit of any process${what}`,
      },
      [{ value: Math.max(...peaks.values()), peerValue: limit }],
    );
    const peer = `copying the file and hashing both${what}`;
    yield metricOf({ ...labels, metric: `file_${gigabytes}gb_seconds`, unit: 's', peer }, [
      { value: seconds, peerValue: copySeconds },
    ]);
  },
};
