/**
 * A new installation: one configuration file and the keys of its first domain.
 *
 *  1. the text of the configuration, checked before anything is written
 *  2. neither the file nor keys of the domain may be there
 *  3. configuration, then keys; where the keys fail, the configuration is taken back
 */
import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../clock.ts';
import { configTemplate, decodeConfig, type Config, type Environment } from '../config.ts';
import type { DomainKeys } from '../keys/domain-keys.ts';
import { publicPorts, publishedDns, type DnsLine } from './domain-dns.ts';
import { alreadyThere, makePrivateDirectory, writeNewFile } from './durable-file.ts';
import { hasDomainKeys, keyDirectory } from './key-files.ts';
import { keySealer } from './key-sealer.ts';
import { createDomain } from './new-domain.ts';

/** Configuration keys by their names in the file, `listen.https`. */
export type ConfigValues = Readonly<Record<string, string | number | readonly string[]>>;

export interface InitOptions {
  /** Canonical. */
  readonly domain: string;
  /** Absolute. */
  readonly configFile: string;
  /** What the file sets; everything else stands there as a comment. */
  readonly values: ConfigValues;
}

export interface InitParts {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
}

export interface InitOutcome {
  readonly config: Config;
  readonly keyDirectory: string;
  readonly recoveryKey: string;
  readonly dns: readonly DnsLine[];
}

/** Others may read the configuration: it holds no secrets. */
const configMode = 0o644;

/** Throws `exists`, `config_invalid`, `domain_invalid` or `storage_failed`, and then nothing was left behind. */
export async function initDomain(options: InitOptions, parts: InitParts): Promise<InitOutcome> {
  const { domain, configFile, values } = options;
  const text = configTemplate(values);
  const config = decodeConfig(text, parts.environment, configFile);
  if ((await stat(configFile).catch(() => undefined)) !== undefined) throw alreadyThere(configFile);
  if (await hasDomainKeys(config.data, domain)) throw alreadyThere(keyDirectory(config.data, domain));

  await makePrivateDirectory(config.data);
  await makePrivateDirectory(dirname(configFile));
  await writeNewFile(configFile, text, configMode);
  try {
    return await addDomain(config, domain, parts);
  } catch (error) {
    await rm(configFile, { force: true });
    throw error;
  }
}

/** A further domain of an installation whose daemon is not running. Throws `exists`, `storage_failed`. */
export async function addDomain(
  config: Config,
  domain: string,
  parts: Omit<InitParts, 'environment'>,
): Promise<InitOutcome> {
  const sealer = await keySealer(config, parts.random);
  const { keys, recoveryKey } = await createDomain(domain, { dataDir: config.data, sealer, ...parts });
  return {
    config,
    keyDirectory: keyDirectory(config.data, domain),
    recoveryKey,
    dns: configuredDns(config, keys),
  };
}

/** The records that the configuration asks to publish for a domain. */
export function configuredDns(config: Config, keys: DomainKeys): readonly DnsLine[] {
  return publishedDns(keys, { host: config.host, ports: publicPorts(config) });
}
