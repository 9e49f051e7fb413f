/** Unbound, a validating resolver, which knows one trust anchor and asks the servers that it is told to. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createResolver } from '../../../src/dns/resolver.ts';
import { freePlace, run, startProcess, until } from '../server-process.ts';

export interface Unbound {
  /** `address:port`, as `createResolver` takes it. */
  readonly address: string;
  /** Forgets everything it knows, and asks these servers from now on. */
  restart(stubs: Stubs): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Zone to `address@port` of whom to ask about it and all below. */
export type Stubs = Readonly<Record<string, string>>;

export interface UnboundOptions {
  /** Empty, for all that it writes. */
  readonly dir: string;
  /** DS records of zones whose signatures are believed. */
  readonly anchors: readonly string[];
  readonly stubs: Stubs;
}

export async function startUnbound({ dir, anchors, stubs }: UnboundOptions): Promise<Unbound> {
  const place = await freePlace();
  const configFile = join(dir, 'unbound.conf');
  await writeFile(join(dir, 'anchors'), `${anchors.join('\n')}\n`);
  await writeFile(configFile, configuration(dir, place, stubs));
  const address = `${place.address}:${place.port}`;
  const server = await startProcess('unbound', ['-d', '-c', configFile], join(dir, 'unbound.log'));
  const control = (...words: string[]): Promise<string> =>
    run('unbound-control', ['-c', configFile, ...words]);
  const { txt } = createResolver({ servers: [address], timeoutMs: 500, tries: 1 });
  const answers = (): Promise<void> =>
    until('an answer of unbound', server, async () => (await txt('id.server.test')).kind !== 'later');
  await answers();
  return {
    address,
    async restart(next) {
      await writeFile(configFile, configuration(dir, place, next));
      await control('reload');
      await answers();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function configuration(
  dir: string,
  { address, port }: { readonly address: string; readonly port: number },
  stubs: Stubs,
): string {
  return `
server:
    interface: ${address}@${port}
    access-control: 127.0.0.0/8 allow
    do-ip6: no
    do-daemonize: no
    chroot: ""
    username: ""
    directory: "${dir}"
    pidfile: "${dir}/unbound.pid"
    use-syslog: no
    logfile: ""
    log-time-ascii: yes
    val-log-level: 2
    num-threads: 1
    module-config: "validator iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
    trust-anchor-file: "${dir}/anchors"
    root-hints: ""
    aggressive-nsec: no
    cache-max-ttl: 1
    cache-max-negative-ttl: 1
    val-bogus-ttl: 1
    infra-host-ttl: 1
    val-sig-skew-min: 0
    val-sig-skew-max: 0
remote-control:
    control-enable: yes
    control-interface: "${dir}/unbound.sock"
    control-use-cert: no
${Object.entries(stubs)
  .map(([zone, server]) => `stub-zone:\n    name: "${zone}."\n    stub-addr: ${server}\n`)
  .join('')}`;
}
