/** What a mail needs of the way, seen in one pass over its bytes. Pure. */

export interface MailSurvey {
  /** In bytes. */
  readonly size: number;
  /** Whether there are bytes above 127. */
  readonly eightBit: boolean;
  /** Whether a line is longer than the 998 bytes that SMTP carries (RFC 5321 section 4.5.3.1.6). */
  readonly longLines: boolean;
}

const longestLine = 998;
const lineFeed = 0x0a;

/** Reads all of it, keeps nothing. */
export async function surveyMail(chunks: AsyncIterable<Uint8Array>): Promise<MailSurvey> {
  let size = 0;
  let eightBit = false;
  let longLines = false;
  /** Of the line so far, its CR included. */
  let line = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    eightBit ||= chunk.some((byte) => byte > 127);
    for (let from = 0; from < chunk.length;) {
      const end = chunk.indexOf(lineFeed, from);
      line += (end < 0 ? chunk.length : end) - from;
      longLines ||= line > longestLine + 1;
      if (end < 0) break;
      line = 0;
      from = end + 1;
    }
  }
  return { size, eightBit, longLines };
}
