import { Option, type Command } from 'commander';
import type { Clock } from '../clock.ts';
import {
  keyUseNames,
  type AdminHandlers,
  type KeyReport,
  type KeySummary,
  type KeyUseName,
} from '../http/admin-handlers.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, group, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';
import { formatDuration, formatTime, table } from './format.ts';
import {
  identityOption,
  passphraseOption,
  readIdentityOption,
  withIdentityAdvice,
  type IdentityOptions,
} from './identity-option.ts';
import { exportCommand, importCommand } from './keys-export.ts';
import { identityCommand, recoveryCommand } from './keys-identity.ts';
import { protectCommand } from './keys-protect.ts';
import { warnOfMandate } from './mandate-warning.ts';
import { oneDomain } from './one-domain.ts';
import { safeLine } from './safe-text.ts';

export interface KeysParts extends AdminParts {
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
}

type Options = ConfigOption & JsonOption & IdentityOptions;

/** `beckon keys ...`: the keys of the domains of a running daemon. */
export function keysCommand(parts: KeysParts): Command {
  return group('keys', 'the keys of the domains: what there is, rotation, revocation, moving offline', [
    listCommand(parts),
    rotateCommand(parts),
    revokeCommand(parts),
    identityCommand(parts),
    recoveryCommand(parts),
    exportCommand(parts),
    importCommand(parts),
    protectCommand(parts),
  ]);
}

function listCommand(parts: KeysParts): Command {
  const { face, clock } = parts;
  return command('list', 'show them, of one domain or of all; keys follow one another by themselves', [
    'keys list',
    'keys list example.org --json',
  ])
    .argument('[domain]')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: ConfigOption & JsonOption) => {
      const reports = await askDaemon(parts, options, (admin) => reportsOf(admin, typed));
      if (options.json) return face.printJson(reports);
      for (const report of reports) show(face, report, clock.seconds());
    });
}

function rotateCommand(parts: KeysParts): Command {
  const { face, clock } = parts;
  return command('rotate', 'let successors take over early: in 8 days, and with the usual overlap', [
    'keys rotate example.org',
    'keys rotate example.org --use signing --identity /media/usb/example.org.identity.json',
  ])
    .argument('[domain]')
    .addOption(new Option('--use <use>', 'of one use only').choices(keyUseNames))
    .addOption(identityOption())
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options & { use?: KeyUseName }) => {
      const identity = await readIdentityOption(face, options);
      const uses = options.use === undefined ? undefined : [options.use];
      const report = await withIdentityAdvice(
        askDaemon(parts, options, async (admin) =>
          admin.rotateKeys(await oneDomain(admin, typed), uses, identity),
        ),
      );
      if (options.json) return face.printJson(report);
      show(face, report, clock.seconds());
      if (report.identity === 'offline' && identity === undefined && uses === undefined)
        face.print('signing stays as it is: the identity key is offline');
    });
}

function revokeCommand(parts: KeysParts): Command {
  const { face, clock } = parts;
  return command('revoke', 'withdraw a key that somebody else may have: at once, another takes its place', [
    'keys revoke 5f1e0c8a9b2d4e67',
    'keys revoke 5f1e0c8a9b2d4e67 --identity /media/usb/example.org.identity.json',
  ])
    .argument('<keyid>', '16 hex digits, from `beckon keys list`')
    .argument('[domain]')
    .addOption(identityOption())
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (id: string, typed: string | undefined, options: Options) => {
      const identity = await readIdentityOption(face, options);
      const report = await withIdentityAdvice(
        askDaemon(parts, options, async (admin) =>
          admin.revokeKey(await domainOfKey(admin, id, typed), id, identity),
        ),
      );
      if (options.json) return face.printJson(report);
      face.print(`revoked ${safeLine(id)}`);
      show(face, report, clock.seconds());
    });
}

async function reportsOf(admin: AdminHandlers, typed: string | undefined): Promise<readonly KeyReport[]> {
  const domains =
    typed === undefined ? (await admin.domains()).map(({ domain }) => domain) : [canonicalDomain(typed)];
  return await Promise.all(domains.map((domain) => admin.domainKeys(domain)));
}

async function domainOfKey(admin: AdminHandlers, id: string, typed: string | undefined): Promise<string> {
  if (typed !== undefined) return canonicalDomain(typed);
  const reports = await reportsOf(admin, undefined);
  const found = reports.find(({ keys }) => keys.some((key) => key.id === id.toLowerCase()));
  if (found === undefined)
    throw new AdvisedError(
      'not_found',
      'no domain here has a key with this id',
      'beckon keys list shows them',
    );
  return found.domain;
}

/** A domain and its keys, as `beckon keys list` shows them. */
function show(
  face: Face,
  { domain, identity, mandateEnds, identityWanted, keys }: KeyReport,
  now: number,
): void {
  const rest = mandateEnds > now ? `mandate for ${formatDuration(mandateEnds - now)}` : 'mandate ended';
  face.print(`${safeLine(domain)}  identity key ${identity}, ${rest}`);
  const rows = keys.map((key) => [`  ${safeLine(key.use)}`, safeLine(key.id), key.status, nextOf(key, now)]);
  for (const line of table(rows)) face.print(line);
  if (identityWanted !== undefined) warnOfMandate(face, domain, identityWanted, now);
}

const steps = {
  used: 'used from',
  rotates: 'rotates',
  retires: 'retires',
  forgotten: 'forgotten after',
} as const;

function nextOf({ next, notAfter, revokedAt }: KeySummary, now: number): string {
  const revoked = revokedAt === undefined ? '' : `since ${formatTime(revokedAt)}, `;
  if (next === undefined) return `${revoked}until ${formatTime(notAfter)}`;
  const distance = next.at > now ? `in ${formatDuration(next.at - now)}` : 'due';
  return `${revoked}${steps[next.step]} ${formatTime(next.at)} (${distance})`;
}
