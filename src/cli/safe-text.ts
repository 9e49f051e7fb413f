/** What others wrote, made harmless for a terminal: nothing in it moves the cursor, changes a title or turns the text round. */

const replacement = '\ufffd';
/** Controls, and format characters but those that join letters and emoji. */
const unsafe = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const unsafeInBlock = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** For one line: a control character, also a line feed, becomes U+FFFD. */
export function safeLine(text: string): string {
  return text.replace(unsafe, replacement);
}

/** For a text of several lines: line feeds and tabs stay, CR LF counts as a line feed. */
export function safeBlock(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(unsafeInBlock, replacement);
}

/** One line cut to a number of characters, with an ellipsis where something is missing. */
export function shortLine(text: string, length: number): string {
  const characters = Array.from(safeLine(text));
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}

/** JSON that a terminal shows as it is: what `safeLine` replaces is escaped. */
export function safeJson(value: unknown, indent?: number): string {
  const escaped = (character: string): string =>
    character === '\n' && indent !== undefined
      ? character
      : Array.from({ length: character.length }, (_, index) => index)
          .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
          .join('');
  return JSON.stringify(value, null, indent).replace(unsafe, escaped);
}
