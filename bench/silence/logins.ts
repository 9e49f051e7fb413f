/**
 * What the door for mail programs takes over a password, for silence.ts: in this process, because a derivation takes longer than any line,
 * and by processor time, because 64 MiB of memory are at the mercy of whatever else runs. The delay of a wrong answer is left out: it is the same
 * timer for all.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Guesses } from '../../src/bridges/guesses.ts';
import { createLogin, type LoginParts } from '../../src/bridges/submission-login.ts';
import { systemClock as clock } from '../../src/clock.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { silentLog } from '../../src/log.ts';
import { wrapGatewayKeys } from '../../src/message/gateway.ts';
import { openStore } from '../../src/store/store.ts';

const domain = 'alpha.test';
const unlimited: Guesses = {
  mayTry: () => true,
  isKnown: () => false,
  waitFor: () => 0,
  take: () => undefined,
  right: () => undefined,
};

export interface LoginTimes {
  /** Microseconds of processor time: a wrong password of a user; a name that nobody has; a user without a password. */
  readonly wrong: readonly number[];
  readonly nobody: readonly number[];
  readonly without: readonly number[];
  /** A name that nobody has, with `planted` microseconds of work more. */
  readonly control: readonly number[];
}

export async function loginTimes(samples: number, planted: number): Promise<LoginTimes> {
  const dir = mkdtempSync(join(tmpdir(), 'beckon-logins-'));
  const store = await openStore({ dir, clock, onFailure: (error) => console.error(error) });
  try {
    for (const local of ['alice', 'dave']) await enrolled(store.users, local);
    const keys = { address: `alice@${domain}`, deviceKey: systemRandom(32), stateKey: systemRandom(32) };
    const wrap = await wrapGatewayKeys(keys as never, 'the right one', systemRandom);
    const alice = Buffer.from(addressHash(keys.address));
    const gateways: LoginParts['gateways'] = {
      async get(owner, kind) {
        const found = await store.gateways.get(owner, kind);
        return alice.equals(owner.user) ? { ...found, device: alice, created: 0, kind, sealed: wrap } : found;
      },
    };
    const login = createLogin({
      ...store,
      gateways,
      guesses: unlimited,
      open: () => Promise.reject(new Error('no password is right')),
      random: systemRandom,
      log: silentLog,
    });
    const attempt = async (user: string): Promise<number> => {
      const began = processorTime();
      await login({ user: `${user}@${domain}`, password: 'a guess', source: '192.0.2.7' });
      return processorTime() - began;
    };
    const times = { wrong: [], nobody: [], without: [], control: [] } as Record<keyof LoginTimes, number[]>;
    const questions: readonly (() => Promise<unknown>)[] = [
      async () => times.wrong.push(await attempt('alice')),
      async () => times.nobody.push(await attempt('nobody')),
      async () => times.without.push(await attempt('dave')),
      async () => {
        const took = await attempt('nobody');
        const began = processorTime();
        while (processorTime() - began < planted);
        times.control.push(took + processorTime() - began);
      },
    ];
    for (let n = 0; n < samples; n++)
      for (const ask of [...questions].sort(() => Math.random() - 0.5)) await ask();
    return times;
  } finally {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function enrolled(users: Awaited<ReturnType<typeof openStore>>['users'], local: string): Promise<void> {
  const hash = addressHash(`${local}@${domain}`);
  const token = systemRandom(32);
  const now = clock.seconds();
  await users.invite(domain, { addressHash: hash, local, tokenHash: sha256(token), expires: now + 3600 });
  const record = systemRandom(400);
  await users.enroll(domain, hash, { tokenHash: sha256(token), device: systemRandom(32), record, now });
}
