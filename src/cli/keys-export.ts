import type { Command } from 'commander';
import { writeIdentityFile } from '../admin/identity-file.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { misused } from './failure.ts';
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

interface Options extends ConfigOption, JsonOption, IdentityOptions {
  readonly public?: boolean;
}

/** `beckon keys export`: the identity key to a file and away from here, or what is public of the keys. */
export function exportCommand(
  parts: AdminParts & { readonly random: (length: number) => Uint8Array },
): Command {
  const { face, random } = parts;
  return command('export', 'move the identity key to a file that is kept elsewhere, or show what is public', [
    'keys export example.org --identity /media/usb/example.org.identity.json',
    'keys export example.org --public',
  ])
    .argument('[domain]')
    .option('--identity <file>', 'write the identity key there, then forget it here')
    .option('--public', 'show identity key, fingerprint, mandate and record, in base64url')
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options) => {
      if ((options.identity === undefined) === (options.public !== true))
        throw misused('--identity FILE or --public?', 'beckon keys export --help');
      if (options.public === true)
        return face.printJson(
          await askDaemon(parts, options, async (admin) => admin.publicKeys(await oneDomain(admin, typed))),
        );
      const path = face.path(options.identity ?? '');
      const passphrase = await readPassphraseOption(face, options.passphraseFile);
      const report = await askDaemon(parts, options, async (admin) => {
        const domain = await oneDomain(admin, typed);
        const identity = await admin.identityKey(domain);
        // On disk over there, and read again, before it goes here.
        await writeIdentityFile(path, identity, random, passphrase);
        return await admin.forgetIdentityKey(domain, identity);
      });
      if (options.json) return face.printJson({ ...report, file: path });
      face.print(
        `wrote   ${path} (0600${passphrase === undefined ? '' : ', encrypted'}); the daemon no longer has the key`,
      );
      face.print(
        'next    copy it to two places that no network reaches; without it and the recovery key the domain',
      );
      face.print('        cannot appoint signing keys: status warns 60 days before it is needed');
    });
}

/** `beckon keys import`: the identity key from a file, to be kept here again. */
export function importCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command(
    'import',
    'keep an identity key here again that was offline',
    'keys import example.org --identity /media/usb/example.org.identity.json',
  )
    .argument('[domain]')
    .addOption(identityOption().makeOptionMandatory())
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string | undefined, options: Options) => {
      const identity = (await readIdentityOption(face, options)) ?? {};
      const report = await withIdentityAdvice(
        askDaemon(parts, options, async (admin) =>
          admin.keepIdentityKey(await oneDomain(admin, typed), identity),
        ),
      );
      if (options.json) return face.printJson(report);
      face.print(`the identity key of ${safeLine(report.domain)} is kept here again`);
    });
}
