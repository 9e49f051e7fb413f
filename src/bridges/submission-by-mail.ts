/** What a mail program hands in for who takes mail only: wire-spec/bridges.md sections 3 and 5. */
import { mediaTypes } from '../wire/registry.ts';
import type { SendByMail } from './submission-session.ts';

/** Whoever lets a mail program send gives the word for mail, but not for domains that they refused for good. */
export const sendByMail: SendByMail = async (client, { from, to, content, length, subject }) => {
  const part = {
    mediaType: mediaTypes.mail,
    length,
    async *open() {
      yield* content;
    },
  };
  const { number } = await client.send({
    to,
    parts: [part],
    subject,
    ...(from === client.address() ? {} : { from }),
    mail: {
      ask: async (domains) => Object.fromEntries(domains.map((domain) => [domain, 'now' as const])),
      compose: async () => part,
    },
  });
  return number !== undefined;
};
