import type { Command } from 'commander';
import { writeIdentityFile } from '../admin/identity-file.ts';
import { checkRecoveryKey, createRecoveryPaper, type RecoveryPaper } from '../admin/recovery-paper.ts';
import { codeOf } from '../errors.ts';
import type { AdminHandlers } from '../http/admin-handlers.ts';
import type { IdentityReport } from '../http/identity-handlers.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { askLine } from './ask.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { dnsLines } from './dns-lines.ts';
import type { Face } from './face.ts';
import { AdvisedError, misused } from './failure.ts';
import { formatFingerprint } from './fingerprint.ts';
import {
  identityOption,
  passphraseOption,
  readIdentityOption,
  readPassphraseOption,
  withIdentityAdvice,
  type IdentityOptions,
} from './identity-option.ts';
import { oneDomain } from './one-domain.ts';
import { safeLine } from './safe-text.ts';

type Parts = AdminParts & { readonly random: (length: number) => Uint8Array };

interface Options extends ConfigOption, JsonOption, IdentityOptions {
  readonly recovery?: boolean;
  readonly to?: string;
  readonly unchecked?: boolean;
  readonly cancel?: boolean;
}

/** `beckon keys identity`: another identity key for a domain, in two steps with DNS in between; the second is the same command. */
export function identityCommand(parts: Parts): Command {
  return command(
    'identity',
    'change the identity key of a domain: prepare, publish two ids in DNS, then the same command again',
    [
      'keys identity example.org',
      'keys identity example.org --recovery',
      'keys identity example.org --identity old.json --to new.json',
    ],
  )
    .argument('[domain]')
    .option(
      '--recovery',
      'sign with the recovery key, which is asked for: the identity key is lost or stolen',
    )
    .addOption(identityOption())
    .option('--to <file>', 'keep the next identity key in this file, and not here')
    .addOption(passphraseOption())
    .option('--unchecked', 'do not look whether DNS shows the next id')
    .option('--cancel', 'give up what was prepared')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options) => {
      const { domain, next } = await askDaemon(parts, options, async (admin) =>
        admin.identity(await oneDomain(admin, typed)),
      );
      if (options.cancel === true) return await giveUp(parts, domain, options);
      const goesOn = next !== undefined && (options.recovery !== true || next.by === 'recovery');
      await withIdentityAdvice((goesOn ? take : prepare)(parts, domain, options));
    });
}

async function giveUp(parts: Parts, domain: string, options: Options): Promise<void> {
  const report = await askDaemon(parts, options, (admin) => admin.abandonIdentity(domain));
  if (options.json) return parts.face.printJson(report);
  parts.face.print(`as before: ${safeLine(domain)} is ${formatFingerprint(report.fingerprint)}`);
  printTxt(parts.face, report);
}

async function prepare(parts: Parts, domain: string, options: Options): Promise<void> {
  const { face } = parts;
  const identity = await readIdentityOption(face, options);
  const kept = await askDaemon(parts, options, (admin) => admin.identity(domain));
  if (kept.kept === 'offline' && options.to === undefined && options.recovery !== true)
    throw misused(
      'where to keep the next identity key?',
      'name a file with --to, as the present one is kept offline',
    );
  const paper = options.recovery === true ? await askRecovery(parts) : undefined;
  const { identityFile, ...report } = await askDaemon(parts, options, async (admin) => {
    const prepared = await admin.prepareIdentity(domain, {
      ...(identity === undefined ? {} : { identity }),
      ...(options.to === undefined ? {} : { offline: true }),
      ...(paper === undefined ? {} : { recovery: paper.typed, nextRecovery: paper.next.hash }),
    });
    await keepFile(parts, domain, options, prepared.identityFile, admin);
    return prepared;
  });
  if (options.json) return face.printJson({ ...report, ...(paper && { recoveryKey: paper.next.text }) });
  if (report.next)
    face.print(`made    ${formatFingerprint(report.next.fingerprint)}; nothing has changed yet`);
  if (identityFile !== undefined) face.print(`wrote   ${face.path(options.to ?? '')} (0600)`);
  if (paper) printPaper(face, domain, paper.next);
  printTxt(face, report);
  const advice = options.recovery === true ? '; then take the old id out at once' : '';
  face.print(`next    beckon keys identity ${safeLine(domain)} once DNS shows both ids${advice}`);
}

/** On disk before anybody is told to publish it; where that fails nothing was prepared. */
async function keepFile(
  { face, random }: Parts,
  domain: string,
  options: Options,
  file: object | undefined,
  admin: AdminHandlers,
): Promise<void> {
  if (file === undefined || options.to === undefined) return;
  const passphrase = await readPassphraseOption(face, options.passphraseFile);
  try {
    await writeIdentityFile(face.path(options.to), file, random, passphrase);
  } catch (error) {
    await admin.abandonIdentity(domain);
    throw error;
  }
}

async function take(parts: Parts, domain: string, options: Options): Promise<void> {
  const { face } = parts;
  const identity = await readIdentityOption(face, options);
  const before = await askDaemon(parts, options, (admin) => admin.identity(domain));
  const report = await askDaemon(parts, options, (admin) =>
    admin.takeIdentity(domain, {
      ...(identity === undefined ? {} : { identity }),
      ...(options.unchecked === true ? { unchecked: true } : {}),
    }),
  ).catch((cause: unknown) => {
    if (codeOf(cause) !== 'discovery_later') throw cause;
    throw new AdvisedError(
      'discovery_later',
      `DNS does not show the next id of ${domain} yet`,
      'publish both ids (beckon domain dns shows them), wait, and run this again; --unchecked goes on all the same',
      { cause },
    );
  });
  if (options.json) return face.printJson(report);
  face.print(`changed ${safeLine(domain)} is ${formatFingerprint(report.fingerprint)} from now on`);
  face.print('        who knew it before follows by itself, by the proof that is served with its record');
  face.print('        make a backup now: after a restore of an older one the domain would be the one before');
  const recovered = before.next?.by === 'recovery';
  printTxt(
    face,
    report,
    recovered ? 'put into DNS now, without the old id' : 'put into DNS from tomorrow on',
  );
  if (recovered) {
    face.print('next    beckon keys list, then beckon keys revoke each notification, envelope and poll key:');
    face.print(
      '        whoever had the identity key may have those too; the signing keys are withdrawn already',
    );
  }
}

/** `beckon keys recovery`: another recovery key in the place of the present one. */
export function recoveryCommand(parts: Parts): Command {
  const { face } = parts;
  return command(
    'recovery',
    'make a new recovery key for the owner of a domain; the present one is asked for',
    ['keys recovery example.org'],
  )
    .argument('[domain]')
    .addOption(identityOption())
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options) => {
      const identity = await readIdentityOption(face, options);
      const domain = await askDaemon(parts, options, (admin) => oneDomain(admin, typed));
      const { typed: recovery, next } = await askRecovery(parts);
      // Shown before it counts: if the connection broke, it would be lost for good.
      if (!options.json) printPaper(face, domain, next);
      const request = { recovery, nextRecovery: next.hash, ...(identity === undefined ? {} : { identity }) };
      const report = await withIdentityAdvice(
        askDaemon(parts, options, (admin) => admin.replaceRecovery(domain, request)),
      ).catch((error: unknown) => {
        face.note(`unless something else is said, the recovery key of ${domain} is the one before still;`);
        face.note(`keep this one beside it until you know: ${next.text}`);
        throw error;
      });
      if (options.json) return face.printJson({ ...report, recoveryKey: next.text });
      face.print('changed it counts from now on; destroy the one before');
    });
}

async function askRecovery({
  face,
  random,
}: Parts): Promise<{ readonly typed: string; readonly next: RecoveryPaper }> {
  const typed = await askLine(face, 'the recovery key (BECKON-RECOVERY-...)');
  checkRecoveryKey(typed);
  return { typed, next: createRecoveryPaper(random) };
}

function printPaper(face: Face, domain: string, { text }: RecoveryPaper): void {
  face.print(
    `RECOVERY KEY (shown once, for the owner of ${safeLine(domain)}, in the place of the one before):`,
  );
  face.print(`        ${text}`);
}

function printTxt(face: Face, { dns }: IdentityReport, what = 'put into DNS'): void {
  face.print(what);
  for (const line of dnsLines(dns.filter(({ type }) => type === 'TXT'))) face.print(line);
}
