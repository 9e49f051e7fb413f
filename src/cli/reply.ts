import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { InboxEntry } from '../client/api.ts';
import { readBody } from './body.ts';
import { command, homeOption, jsonOption } from './command.ts';
import { deliver, showDelivery, type DeliveryParts } from './delivery.ts';
import { misused } from './failure.ts';
import type { Home } from './home.ts';
import { keptPath, openWhole, readKept } from './kept-message.ts';
import { messageNumber } from './number.ts';
import { withClient, type ClientParts } from './open-client.ts';
import { quantity } from './quantity.ts';
import { safeLine } from './safe-text.ts';
import type { MessageOptions } from './send.ts';
import { parseMail } from './show-mail.ts';

/** `beckon reply`: over the drop that came with the message. */
export function replyCommand(parts: ClientParts & DeliveryParts): Command {
  const { face } = parts;
  return command('reply', 'answer a message', 'reply 7 --body "Yes, on Saturday."')
    .argument('<number>', 'as "beckon inbox" shows it')
    .argument('[file...]', 'files to send along')
    .option('-s, --subject <text>', 'subject of the text (default: Re: and that of the message)')
    .option('--body <text>', 'the text (default: standard input, else your editor)')
    .option('--mail', 'by mail, in clear text, to those who take nothing else: for this message')
    .option('--delivered', 'of what goes by mail: tell when a server has taken it')
    .option('--expires <duration>', 'how long it may wait at your domain, from 1h to 90d (default: 14d)')
    .addOption(homeOption())
    .addOption(jsonOption())
    .action(async (typed: string, words: string[], options: MessageOptions) => {
      const number = messageNumber(typed);
      if (options.expires !== undefined) quantity.duration(options.expires);
      const files = words.map((word) => face.path(word));
      for (const [index, path] of files.entries())
        if (!(await stat(path).catch(() => undefined))?.isFile())
          throw misused(`${words[index] ?? ''} is not a file`);
      const body = await readBody(face, options.body, files.length > 0);
      const result = await withClient(parts, options, async (client, home) => {
        const entry = await openWhole(client, number);
        const { to, from, parents } = client.reply(entry.number);
        const { subject, references } = await threadOf(home, entry);
        const chosen = options.subject ?? (body === undefined ? undefined : subject);
        const { expires, mail, delivered } = options;
        return await deliver(
          parts,
          client,
          {
            to: [to],
            from,
            files,
            body,
            subject: chosen,
            expires,
            parents,
            references,
            byMail: { mail, delivered },
          },
          home,
        );
      });
      showDelivery(face, result, options.json);
    });
}

interface Thread {
  readonly subject: string;
  /** Message-IDs, the nearest last. */
  readonly references: readonly string[];
}

/** From the mail that is answered, where it was read here. */
async function threadOf(home: Home, entry: InboxEntry): Promise<Thread> {
  const letter = [entry, ...(entry.parts ?? [])].find(
    ({ mediaType, status }) => mediaType === 'message/rfc822' && status === 'accepted',
  );
  const bytes =
    letter && (await readKept(keptPath(home, letter.number), letter.number).catch(() => undefined));
  const { subject = '', references = [] } = bytes === undefined ? {} : await parseMail(bytes);
  const plain = safeLine(subject)
    .replace(/^(?:re:\s*)+/i, '')
    .trim();
  return { subject: plain === '' ? 'Re: your message' : `Re: ${plain}`, references };
}
