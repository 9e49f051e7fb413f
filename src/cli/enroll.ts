import type { Command } from 'commander';
import { BeckonError } from '../errors.ts';
import { parseInvitation } from '../wire/invitation.ts';
import { command, homeOption, jsonOption, type HomeOption, type JsonOption } from './command.ts';
import { AdvisedError } from './failure.ts';
import { formatFingerprint } from './fingerprint.ts';
import { withNewClient, type ClientParts } from './open-client.ts';
import { homeDirectory } from './home.ts';

/** `beckon enroll`: makes keys and becomes a user. Repeating it finishes what was cut off. */
export function enrollCommand(parts: ClientParts): Command {
  const { face } = parts;
  return command(
    'enroll',
    'make keys on this machine and become the user that an invitation names',
    'enroll beckon-invitation:pAF...',
  )
    .argument('<invitation>', 'as the hoster gave it')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (invitation: string, options: HomeOption & JsonOption) => {
      parseInvitation(invitation);
      const enrolled = await withNewClient(parts, options, (client) => client.enroll(invitation)).catch(
        adviseOnHome,
      );
      if (options.json) return face.printJson(enrolled);
      face.print(`enrolled     ${enrolled.address}; keys in ${homeDirectory(face, options)} (0600)`);
      face.print(`fingerprint  ${formatFingerprint(enrolled.fingerprint)}`);
      if (!enrolled.listed) face.warn('the domain does not list these keys yet: run the same command again');
      face.print('next         beckon send SOMEBODY@SOMEWHERE, or beckon inbox');
    });
}

function adviseOnHome(cause: unknown): never {
  if (!(cause instanceof BeckonError) || cause.code !== 'exists') throw cause;
  throw new AdvisedError(
    'exists',
    cause.message,
    'beckon trust show says who lives here; --home DIRECTORY makes room for another',
    { cause },
  );
}
