/** A daemon of ours with one domain and one user, as it is run, taking mail over SMTP. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { initDomain } from '../../src/admin/init.ts';
import { systemClock as clock } from '../../src/clock.ts';
import { sha256 } from '../../src/crypto/kdf.ts';
import { systemRandom as random } from '../../src/crypto/random.ts';
import { addressHash } from '../../src/keys/fingerprints.ts';
import { createUserKeys } from '../../src/keys/user-keys.ts';
import { signUserRecord } from '../../src/keys/user-record.ts';
import { openStore } from '../../src/store/store.ts';

export interface BeckonMail {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../bin/beckon.js', import.meta.url));

/** `resolver`: `address:port`. */
export async function startBeckon(dir: string, address: string, resolver: string): Promise<BeckonMail> {
  const [local = '', domain = ''] = address.split('@');
  const configFile = join(dir, 'beckon.toml');
  const data = join(dir, 'beckon');
  const values = {
    host: 'mx.beta.test',
    data,
    log_level: 'warn',
    'listen.https': '127.0.0.1:0',
    'listen.udp': '',
    'listen.admin': `unix:${join(dir, 'admin.sock')}`,
    'listen.metrics': '',
    'tls.mode': 'none',
    'dns.resolvers': [resolver],
    'storage.reserve': '0%',
    'smtp_in.listen': '127.0.0.1:0',
  };
  await initDomain({ domain, configFile, values }, { environment: {}, clock, random });
  await enrol(join(data, 'store'), domain, local);
  const child = spawn(process.execPath, [program, 'serve', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /^ready .*smtp=(\d+)/.exec(line);
      if (found !== null) resolve(Number(found[1]));
    });
    void exited.then(() => reject(new Error('the daemon does not start')));
  });
  return {
    pid: child.pid as number,
    port,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function enrol(dir: string, domain: string, local: string): Promise<void> {
  const store = await openStore({ dir, clock, onFailure: (error) => console.error(error) });
  const address = `${local}@${domain}`;
  const hash = addressHash(address);
  const now = clock.seconds();
  const keys = createUserKeys(domain, random, now);
  const record = signUserRecord({ keys, address, serial: now, now });
  const tokenHash = sha256(hash);
  await store.domains.add(domain);
  await store.users.invite(domain, { addressHash: hash, local, tokenHash, expires: now + 100 });
  await store.users.enroll(domain, hash, { tokenHash, device: random(32), record, now });
  await store.close();
}
