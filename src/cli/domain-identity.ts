import type { Command } from 'commander';
import { vouchWithFile } from '../admin/vouch.ts';
import type { Clock } from '../clock.ts';
import { canonicalDomain } from '../wire/domain-name.ts';
import { askDaemon, type AdminParts } from './admin.ts';
import { command, configOption, jsonOption, type ConfigOption, type JsonOption } from './command.ts';
import { dnsLines } from './dns-lines.ts';
import { formatTime } from './format.ts';
import {
  identityOption,
  passphraseOption,
  readIdentityOption,
  withIdentityAdvice,
  type IdentityOptions,
} from './identity-option.ts';
import { safeLine } from './safe-text.ts';

type Options = ConfigOption & JsonOption & IdentityOptions;

/** `beckon domain retire`: a domain leaves, in order. */
export function retireCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command(
    'retire',
    'let a domain leave: it takes nothing new, and what waits can be fetched till it expires',
    ['domain retire example.org', 'domain retire example.org --back'],
  )
    .argument('<domain>')
    .option('--back', 'take it back')
    .addOption(identityOption())
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, options: Options & { readonly back?: boolean }) => {
      const domain = canonicalDomain(typed);
      const identity = await readIdentityOption(face, options);
      const report = await withIdentityAdvice(
        askDaemon(parts, options, (admin) =>
          admin.retireDomain(domain, {
            ...(identity === undefined ? {} : { identity }),
            ...(options.back === true ? { back: true } : {}),
          }),
        ),
      );
      if (options.json) return face.printJson(report);
      face.print(report.leaving ? `${domain} leaves; put into DNS` : `${domain} is back; put into DNS`);
      for (const line of dnsLines(report.dns.filter(({ type }) => type === 'TXT'))) face.print(line);
      if (!report.leaving) return;
      face.print(
        'next    keep serving until beckon status shows nothing waiting; then take the SRV records away,',
      );
      face.print(
        '        and leave the TXT record: it tells correspondents that you left, and were not cut off',
      );
    });
}

/** `beckon domain vouch`: a parent signs a child's identity. */
export function vouchCommand(parts: AdminParts & { readonly clock: Clock }): Command {
  const { face, clock } = parts;
  return command(
    'vouch',
    'sign the identity of a domain below one of yours; prints what its operator attaches',
    [
      'domain vouch example.org dept.example.org Zk3qE0sNnKc3nQd4yR2uJk8mW5xT7vB1aC6dF9gH0iL',
      'domain vouch org example.org Zk3qE0sNnKc3nQd4yR2uJk8mW5xT7vB1aC6dF9gH0iL --identity org.identity.json',
    ],
  )
    .argument('<parent>')
    .argument('<child>')
    .argument('<fingerprint>', 'the id in the child’s TXT record, compared with its operator')
    .addOption(identityOption())
    .addOption(passphraseOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (parent: string, child: string, fingerprint: string, options: Options) => {
      const identity = await readIdentityOption(face, options);
      const request = { child: canonicalDomain(child), fingerprint };
      const vouch =
        identity === undefined
          ? await withIdentityAdvice(
              askDaemon(parts, options, (admin) => admin.vouch(canonicalDomain(parent), request)),
            )
          : vouchWithFile(identity, { ...request, parent: parent.toLowerCase(), now: clock.seconds() });
      if (options.json) return face.printJson(vouch);
      face.print(safeLine(vouch.attachment));
      face.note(`next    on the machine of ${request.child}: beckon domain attach ${request.child} THIS`);
    });
}

/** `beckon domain attach`: serves a parent's signature. */
export function attachCommand(parts: AdminParts): Command {
  const { face } = parts;
  return command('attach', 'show a parent’s signature on the identity of a domain to everybody', [
    'domain attach dept.example.org beckon-parent:hEOh...',
  ])
    .argument('<domain>')
    .argument('<text>', 'what "beckon domain vouch" printed')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (typed: string, text: string, options: ConfigOption & JsonOption) => {
      const domain = canonicalDomain(typed);
      const report = await askDaemon(parts, options, (admin) => admin.attach(domain, text));
      if (options.json) return face.printJson(report);
      for (const { parent, expires } of report.parents)
        face.print(`${safeLine(parent)} vouches for ${domain} until ${formatTime(expires)}`);
    });
}
