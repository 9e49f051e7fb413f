/** A name for a file that somebody else named: no path, no control characters, nothing hidden, nothing too long. */
import mime from 'mime';

/** What is not whole yet ends so; nobody's file name may. */
export const partSuffix = '.beckon-part';

const maxBytes = 200;
/** Names that mean devices on some systems. */
const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i;
const utf8 = new TextEncoder();

/** `message-7.eml` where nothing usable is left of the name. */
export function safeFileName(
  name: string | undefined,
  { number, mediaType }: { readonly number: number; readonly mediaType?: string },
): string {
  const cleaned = clean(name ?? '');
  if (cleaned !== '') return cleaned;
  const extension = mime.getExtension(mediaType ?? '') ?? 'bin';
  return `message-${number}.${extension}`;
}

function clean(name: string): string {
  const last = name.toWellFormed().split(/[/\\]/).at(-1) ?? '';
  const plain = last
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/gu, '')
    .replace(/[:*?"<>|]/g, '_')
    .trim()
    .replace(/^[.\-~ ]+/, '')
    .replace(/[. ]+$/, '');
  const short = shorten(plain.toLowerCase().endsWith(partSuffix) ? `${plain}_` : plain);
  return reserved.test(short) ? `_${short}` : short;
}

/** Keeps the extension. */
function shorten(name: string): string {
  if (utf8.encode(name).length <= maxBytes) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : '';
  let stem = '';
  for (const character of name) {
    if (utf8.encode(stem + character + extension).length > maxBytes) break;
    stem += character;
  }
  return stem + extension;
}
