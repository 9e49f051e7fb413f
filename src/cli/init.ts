import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { addDomain, initDomain, type ConfigValues, type InitOutcome } from '../admin/init.ts';
import type { MailRemark } from '../admin/mail-remark.ts';
import type { Clock } from '../clock.ts';
import { configPaths, loadConfig } from '../config.ts';
import type { DnsEntry } from '../http/admin-handlers.ts';
import { authorityOf, canonicalDomain } from '../wire/domain-name.ts';
import { isRunning, type OpenAdmin } from './admin.ts';
import { certificateLines } from './certificate-line.ts';
import { command, jsonOption, type JsonOption } from './command.ts';
import { configValue } from './config-values.ts';
import { dnsLines } from './dns-lines.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';

export interface InitCommandParts {
  readonly face: Face;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  readonly openAdmin: OpenAdmin;
  /** What the mail records of a domain say; undefined where nobody knows. */
  readonly lookUpMail: (domain: string) => Promise<MailRemark | undefined>;
}

interface Options extends JsonOption {
  readonly host?: string;
  readonly data?: string;
  readonly config?: string;
  readonly contact?: string;
  readonly set?: ConfigValues;
}

interface Made {
  readonly domain: string;
  readonly recoveryKey: string;
  readonly dns: readonly DnsEntry[];
  readonly configFile: string;
  /** Absent where the daemon made the keys. */
  readonly keyDirectory?: string;
  /** Whether the key files lie under a passphrase. */
  readonly encrypted: boolean;
  readonly newConfig: boolean;
  readonly unknownUsers: string;
}

/** `beckon init`: a new installation, or a further domain of one that is there. */
export function initCommand(parts: InitCommandParts): Command {
  const { face } = parts;
  return command(
    'init',
    'make configuration and keys for a domain, and show the DNS records to add',
    'init example.org --host post.hoster.net --contact abuse@hoster.net',
  )
    .argument('<domain>', 'the domain that will receive and send')
    .option(
      '--host <name>',
      'name of this machine, where SRV and CNAME records point (default: beckon.DOMAIN)',
    )
    .option('--data <dir>', 'directory of the store and the keys (default: /var/lib/beckon)')
    .option('--config <file>', 'where to write the configuration (default: beckon.toml here)')
    .option('--contact <mail>', 'where to report abuse')
    .option('--set <key=value>', 'any other key of the configuration; repeat it for more', configValue)
    .addOption(jsonOption())
    .action(async (typed: string, options: Options) => {
      const domain = canonicalDomain(typed);
      const configFile = face.path(options.config ?? configPaths[0]);
      const made = (await isThere(configFile))
        ? await further(parts, domain, configFile, options)
        : await fresh(parts, domain, configFile, options);
      if (options.json) face.printJson(made);
      else {
        const missing = await certificateLines(loadConfig(configFile, face.environment), domain);
        show(face, made, await parts.lookUpMail(domain), missing);
      }
    });
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function fresh(
  { face, clock, random }: InitCommandParts,
  domain: string,
  configFile: string,
  options: Options,
): Promise<Made> {
  const data = options.data === undefined ? undefined : face.path(options.data);
  const values: ConfigValues = {
    host: options.host === undefined ? authorityOf(domain) : canonicalDomain(options.host),
    ...(options.contact === undefined ? {} : { contact: options.contact }),
    // A data directory of one's own goes with a socket of one's own: /run belongs to the system's installation.
    ...(data === undefined ? {} : { data, 'listen.admin': `unix:${data}/admin.sock` }),
    ...options.set,
  };
  const outcome = await initDomain(
    { domain, configFile, values },
    { environment: face.environment, clock, random },
  );
  return { ...madeOf(outcome, domain, configFile), newConfig: true };
}

/** The configuration stays as it is: options that would change it are refused. */
async function further(
  { face, clock, random, openAdmin }: InitCommandParts,
  domain: string,
  configFile: string,
  { host, data, contact, set }: Options,
): Promise<Made> {
  if ([host, data, contact, set].some((value) => value !== undefined))
    throw new AdvisedError(
      'exists',
      `${configFile} exists and is not overwritten`,
      'leave --host, --data, --contact and --set away to add a domain to it, or name another file with --config',
    );
  const config = loadConfig(configFile, face.environment);
  if (!(await isRunning(openAdmin, config.listen.admin.path))) {
    const outcome = await addDomain(config, domain, { clock, random });
    return { ...madeOf(outcome, domain, configFile), newConfig: false };
  }
  const admin = openAdmin(config.listen.admin.path);
  try {
    const { recoveryKey, dns } = await admin.addDomain(domain);
    const { unknownUsers } = config.defaults;
    const encrypted = config.keys.passphraseFile !== null;
    return { domain, recoveryKey, dns, configFile, encrypted, newConfig: false, unknownUsers };
  } finally {
    await admin.close();
  }
}

function madeOf(
  { config, keyDirectory, recoveryKey, dns }: InitOutcome,
  domain: string,
  configFile: string,
): Omit<Made, 'newConfig'> {
  const { keys, defaults } = config;
  const encrypted = keys.passphraseFile !== null;
  return {
    domain,
    recoveryKey,
    dns,
    configFile,
    keyDirectory,
    encrypted,
    unknownUsers: defaults.unknownUsers,
  };
}

function show(face: Face, made: Made, mail: MailRemark | undefined, missing: readonly string[]): void {
  const { domain, recoveryKey, dns, configFile, keyDirectory, encrypted, newConfig, unknownUsers } = made;
  const file = configFile === face.path(configPaths[0]) ? configPaths[0] : configFile;
  const keys =
    keyDirectory === undefined
      ? 'keys made by the running daemon'
      : `keys in ${keyDirectory} (0600${encrypted ? ', encrypted' : ''})`;
  face.print(`wrote   ${newConfig ? `${file}; ` : ''}${keys}`);
  face.print(`RECOVERY KEY (shown once, for the owner of ${domain}):  ${recoveryKey}`);
  face.print('add to DNS');
  for (const line of dnsLines(dns)) face.print(line);
  const host = authorityOf(domain);
  if (!dns.some(({ type }) => type === 'CNAME')) face.print(`  and A or AAAA records of ${host}`);
  if (mail?.kind === 'mail')
    face.print(`MX is ${mail.exchange}: mail stays there (unknown_users = "${unknownUsers}")`);
  if (mail?.kind === 'mail' && unknownUsers === 'decoy')
    face.print(`warn    decoys hide nothing where ${mail.exchange} refuses addresses that it does not know`);
  if (mail?.kind === 'no-mail' && unknownUsers === 'mail')
    face.print(`no MX: ${domain} takes no mail, so set unknown_users = "404" below [defaults]`);
  for (const line of missing) face.print(line);
  const option = file === configPaths[0] ? '' : ` --config ${file}`;
  face.print(
    `next    ${keyDirectory === undefined ? `beckon user add NAME@${domain}` : `beckon serve${option}`}`,
  );
}
